import { findPostgres } from './find-postgres.ts';
import { findPrometheus } from './find-prometheus.ts';
import { findRedis } from './find-redis.ts';

/** Makes sure that the servers which the tests need are there, and says which; else says what to do, and ends. */
export function findServersOrExit(): void {
  const servers = [
    findRedis(process.env['TEST_REDIS_URL']),
    findPostgres(process.env['TEST_POSTGRES_URL']),
    findPrometheus(),
  ];
  for (const server of servers) {
    if (!server.found) {
      console.error(server.message);
      process.exit(1);
    }
    console.log(server.message);
  }
}

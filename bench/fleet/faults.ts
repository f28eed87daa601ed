/** What is done to the parts of a fleet, and undone. */
import { execFileSync } from 'node:child_process';
import { closeSync, mkdirSync, openSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import type { Scene } from './scene.ts';

/** What a fault needs of a scene. */
export interface FaultScene extends Pick<Scene, 'postgres' | 'redis' | 'restartRedis'> {
  readonly home: Pick<Scene['home'], 'folder'>;
}

export interface Fault {
  readonly name: string;
  /** The part it is done to; two faults of one part are not combined. */
  readonly part: 'redis' | 'postgres' | 'disk';
  begin(scene: FaultScene): Promise<void> | void;
  end(scene: FaultScene): Promise<void> | void;
}

export const faults: readonly Fault[] = [
  {
    name: 'redis stopped',
    part: 'redis',
    begin: (scene) => scene.redis.kill(),
    end: (scene) => scene.restartRedis(),
  },
  {
    name: 'redis paused',
    part: 'redis',
    begin: (scene) => scene.redis.pause(),
    end: (scene) => scene.redis.resume(),
  },
  {
    name: 'redis restarted',
    part: 'redis',
    async begin(scene) {
      await scene.redis.kill();
      await scene.restartRedis();
    },
    end: () => undefined,
  },
  {
    name: 'redis flushed',
    part: 'redis',
    async begin(scene) {
      await scene.redis.client.flushall();
    },
    end: () => undefined,
  },
  {
    name: 'postgres stopped',
    part: 'postgres',
    begin: (scene) => scene.postgres.kill(),
    end: (scene) => scene.postgres.restart(),
  },
  {
    name: 'postgres paused',
    part: 'postgres',
    begin: (scene) => scene.postgres.pause(),
    end: (scene) => scene.postgres.resume(),
  },
  {
    name: 'postgres restarted',
    part: 'postgres',
    async begin(scene) {
      await scene.postgres.kill();
      await scene.postgres.restart();
    },
    end: () => undefined,
  },
  {
    name: 'disk full',
    part: 'disk',
    begin: (scene) => fillDisk(diskOf(scene)),
    end: (scene) => rmSync(join(diskOf(scene), 'filling'), { force: true }),
  },
];

/** Where the sidecars of a scene keep their data when `disk full` is among the faults. */
export function diskOf(scene: Pick<FaultScene, 'home'>): string {
  return join(scene.home.folder, 'disk');
}

/** A file system of its own that can be filled without harm; false: not allowed here. */
export function mountDisk(scene: Pick<FaultScene, 'home'>): boolean {
  const folder = diskOf(scene);
  mkdirSync(folder, { recursive: true });
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=24m', 'tmpfs', folder], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

export function unmountDisk(scene: Pick<FaultScene, 'home'>): void {
  execFileSync('umount', ['-l', diskOf(scene)], { stdio: 'ignore' });
}

function fillDisk(folder: string): void {
  const file = openSync(join(folder, 'filling'), 'w');
  const block = Buffer.alloc(65_536, 1);
  try {
    // Until ENOSPC; a half block fits where a whole one does not.
    for (let size = block.length; size >= 1;) {
      try {
        if (writeSync(file, block, 0, size) < size) size = Math.floor(size / 2);
      } catch {
        size = Math.floor(size / 2);
      }
    }
  } finally {
    closeSync(file);
  }
}

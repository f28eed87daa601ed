import { STATUS_CODES } from 'node:http';
import type { ServerResponse } from 'node:http';

/** A page of the gateway's own, as nginx makes it: what a client gets when nobody could answer. */
export function answerPage(response: ServerResponse, status: number, headers: readonly string[] = []): void {
  const title = `${status} ${STATUS_CODES[status] ?? ''}`;
  const body = `<html>\r\n<head><title>${title}</title></head>\r\n<body>\r\n<center><h1>${title}</h1></center>\r\n<hr><center>openresty</center>\r\n</body>\r\n</html>\r\n`;
  answer(response, status, ['content-type', 'text/html; charset=utf-8', ...headers], Buffer.from(body));
}

export function answer(response: ServerResponse, status: number, headers: readonly string[], body: Buffer): void {
  if (response.headersSent) {
    response.destroy();
    return;
  }
  response.writeHead(status, ['server', 'APISIX/3.18.0', ...headers, 'content-length', String(body.length)]);
  response.end(body);
}

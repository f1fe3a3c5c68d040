import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import type { FastifyInstance } from 'fastify';
import { HoldfastError } from '../shared/errors.js';

/**
 * Of @fastify/swagger-ui only the files of Swagger UI are used. Its plugin requires an ES module from CommonJS, which
 * Node does from 20.19 on, and nothing of what it could do besides is needed here.
 */
const assetsFolder = () =>
  join(dirname(createRequire(import.meta.url).resolve('@fastify/swagger-ui/package.json')), 'static');

const ASSETS: Readonly<Record<string, string>> = {
  'swagger-ui.css': 'text/css; charset=utf-8',
  'swagger-ui-bundle.js': 'text/javascript; charset=utf-8',
  'favicon-32x32.png': 'image/png',
};

/** No script stands in the page itself, so that the content security policy can forbid such. */
const PAGE = `<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8" />
    <meta name="viewport" content="width=device-width, initial-scale=1" />
    <title>Holdfast API</title>
    <link rel="stylesheet" href="/api-docs/swagger-ui.css" />
    <link rel="icon" type="image/png" href="/api-docs/favicon-32x32.png" />
  </head>
  <body>
    <div id="swagger-ui"></div>
    <script src="/api-docs/swagger-ui-bundle.js"></script>
    <script src="/api-docs/start.js"></script>
  </body>
</html>
`;
const START = `window.ui = SwaggerUIBundle({
  url: '/api-docs.json', dom_id: '#swagger-ui', deepLinking: true, displayRequestDuration: true, validatorUrl: null,
});
`;

/** `/api-docs` for people, `/api-docs.json` for programs; other ways in lead to the former. */
export function serveDocs(app: FastifyInstance): void {
  const schema = { hide: true };
  let document: string | undefined;
  app.get('/', { schema, config: { role: 'public' } }, (_request, reply) => reply.redirect('/api-docs'));
  app.get('/api-docs.json', { schema, config: { role: 'public' } }, (_request, reply) => {
    // The routes are known only when the server is ready.
    document ??= JSON.stringify(app.swagger());
    return reply.type('application/json; charset=utf-8').send(document);
  });
  app.get('/api-docs', { schema, config: { role: 'public' } }, (_request, reply) =>
    reply.type('text/html; charset=utf-8').send(PAGE),
  );
  app.get('/api-docs/', { schema, config: { role: 'public' } }, (_request, reply) =>
    reply.redirect('/api-docs'),
  );
  app.get('/api-docs/start.js', { schema, config: { role: 'public' } }, (_request, reply) =>
    reply.type('text/javascript; charset=utf-8').send(START),
  );
  app.get<{ Params: { file: string } }>(
    '/api-docs/:file',
    { schema, config: { role: 'public' } },
    async (request, reply) => {
      const { file } = request.params;
      const type = Object.hasOwn(ASSETS, file) ? ASSETS[file] : undefined;
      if (type === undefined) {
        const what = `there is no GET /api-docs/${file}; /api-docs shows what there is`;
        throw new HoldfastError('not_found', what);
      }
      const content = await readFile(join(assetsFolder(), file));
      return reply.type(type).header('cache-control', 'public, max-age=3600').send(content);
    },
  );
}

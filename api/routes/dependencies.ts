import { addDependencies } from '../../shared/jobs/add-dependencies.js';
import type { ApiContext, ZodServer } from '../context.js';
import { nameMissingParents, toDependencies } from '../dependencies.js';
import { answers } from '../openapi.js';
import { jobParams } from '../schemas/common.js';
import { actionAnswer } from '../schemas/jobs.js';
import { dependenciesBody } from '../schemas/submit.js';

export function addDependencyRoutes(app: ZodServer, { installation }: ApiContext): void {
  const schema = {
    tags: ['jobs'],
    operationId: 'addDependencies',
    summary: 'Make a pending job wait for further jobs',
    description: 'Jobs that would then wait for each other are named in the answer, and nothing changes.',
    params: jobParams,
    body: dependenciesBody,
    response: answers({ 200: actionAnswer }, 400, 404, 409, 413, 415, 503),
  };
  app.post(
    '/api/jobs/:id/dependencies',
    { schema, config: { role: 'operator' } },
    async ({ params, body }) => {
      const { id } = params;
      await addDependencies(installation, id, toDependencies(body.depends_on)).catch(
        async (error: unknown) => {
          throw await nameMissingParents(installation.db, [{ prefix: '', ...body }], error);
        },
      );
      return { success: true, message: `job ${id} waits for them`, job_id: id };
    },
  );
}

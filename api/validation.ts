import type { FastifySchemaCompiler } from 'fastify';
import type { z } from 'zod';
import { HoldfastError, type FieldProblem } from '../shared/errors.js';
import { MOST_DETAILS } from '../shared/rules.js';
import { wordProblem } from './problem-words.js';

type Issue = z.core.$ZodIssue;

/**
 * Checks a part of a request. The first part of a request that is wrong ends it, with each field of it that is.
 * Headers are only looked at: what the schema does not name stays with the request.
 */
export const validateWithZod: FastifySchemaCompiler<z.ZodType> = ({ schema, httpPart }) => {
  const options = { error: httpPart === 'querystring' ? wordParameter : wordProblem };
  return (data: unknown) => {
    const parsed = schema.safeParse(data, options);
    if (!parsed.success) return { error: describeInvalid(parsed.error.issues, httpPart ?? 'request') };
    return { value: httpPart === 'headers' ? data : parsed.data };
  };
};

/** A parameter that comes twice arrives as an array, which no schema asks for. */
const wordParameter: typeof wordProblem = (issue) =>
  Array.isArray(issue.input) ? 'was given more than once' : wordProblem(issue);

export function describeInvalid(issues: readonly Issue[], part: string): HoldfastError {
  const details = issues.flatMap((issue) => toDetails(issue, part)).slice(0, MOST_DETAILS);
  const [first] = details;
  const more = details.length > 1 ? ` (and ${details.length - 1} more)` : '';
  return new HoldfastError('validation_failed', `${first?.field}: ${first?.problem}${more}`, { details });
}

function toDetails(issue: Issue, part: string, prefix: readonly PropertyKey[] = []): FieldProblem[] {
  const path = [...prefix, ...issue.path];
  const named = (parts: readonly PropertyKey[]) => parts.map(String).join('.') || part;
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => ({ field: named([...path, key]), problem: 'is not known here' }));
  }
  // Of a union, the alternative that was meant: the one that failed further inside.
  if (issue.code === 'invalid_union') {
    const meant = issue.errors.find((issues) =>
      issues.some((inner) => inner.path.length > 0 || inner.code === 'unrecognized_keys'),
    );
    if (meant) return meant.flatMap((inner) => toDetails(inner, part, path));
  }
  return [{ field: named(path), problem: issue.message }];
}

import { z } from 'zod';

/** One environment variable: how its text is read, and what `.env.example` says about it. */
export interface Variable<Value = unknown> {
  readonly schema: z.ZodType<Value, string | undefined>;
  /** What it is for, in one sentence. */
  readonly about: string;
  /** Such as `ms`; undefined where the value is no quantity. */
  readonly unit: string | undefined;
  /** As a person would write it; undefined: unset by default. */
  readonly defaultText: string | undefined;
  /** Shown where there is no default. */
  readonly example: string | undefined;
  /** Its value is never echoed. */
  readonly isSecret: boolean;
}

export interface Description {
  readonly about: string;
  readonly unit?: string;
  readonly default?: string;
  readonly example?: string;
  readonly isSecret?: boolean;
}

/** Without a default the value may be missing. */
export type Declared<Value, Given> = Variable<Given extends { default: string } ? Value : Value | undefined>;

/** The text of a variable cannot be used; the message goes on after the variable's name. */
export class BadValue extends Error {}

/** Declares a variable; `read` makes its value of the text, or throws a BadValue. */
export function variable<Value, const Given extends Description>(
  description: Given,
  read: (text: string) => Value,
): Declared<Value, Given> {
  const { about, unit, default: defaultText, example, isSecret = false } = description;
  const parsed = z.string().transform((text, context): Value => {
    try {
      return read(text);
    } catch (error) {
      if (!(error instanceof BadValue)) throw error;
      context.addIssue(error.message);
      return z.NEVER;
    }
  });
  const schema = defaultText === undefined ? parsed.optional() : parsed.prefault(defaultText);
  return { schema, about, unit, defaultText, example, isSecret } as Declared<Value, Given>;
}

export type ValuesOf<Variables extends Record<string, Variable>> = {
  readonly [Name in keyof Variables]: z.output<Variables[Name]['schema']>;
};

import winston from 'winston';

export type LogFields = Record<string, unknown>;

/** What Holdfast asks of a logger: winston, pino (with an adapter) or the console will do. */
export interface Logger {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
}

export interface LoggerOptions {
  /** error, warn, info or debug. Default info. */
  readonly level?: string;
  /** One JSON object a line, for machines; else lines for people. */
  readonly isJson?: boolean;
  /** Added to every line, such as the process's role. */
  readonly fields?: LogFields;
}

/** Logs to standard error, so that a command's own output stays clean. */
export function createLogger(options: LoggerOptions = {}): Logger {
  const { combine, timestamp, json, printf, colorize } = winston.format;
  const forPeople = printf(({ timestamp: at, level, message, ...fields }) => {
    delete fields.role;
    const tail = Object.keys(fields).length > 0 ? ` ${JSON.stringify(fields)}` : '';
    return `${String(at)} ${level} ${String(message)}${tail}`;
  });
  const format = options.isJson
    ? combine(timestamp(), json())
    : combine(
        timestamp({ format: 'HH:mm:ss.SSS' }),
        ...(process.stderr.isTTY ? [colorize()] : []),
        forPeople,
      );
  const logger = winston.createLogger({
    level: options.level ?? 'info',
    format,
    defaultMeta: options.fields ?? {},
    transports: [new winston.transports.Console({ stderrLevels: ['error', 'warn', 'info', 'debug'] })],
  });
  // winston formats a line before it looks whether anybody wants it, and every request writes one.
  return logger.isLevelEnabled('debug') ? logger : Object.assign(logger, { debug: () => logger });
}

export const silentLogger: Logger = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
};

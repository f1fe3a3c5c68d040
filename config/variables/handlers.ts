/** What the built-in jobs need: email_notification, data_processing, http_request. */
import { address, bytes, flag, listOf, milliseconds, remotePort, text, wholeNumber } from '../value-kinds.js';
import { BadValue } from '../variable.js';

export const mailVariables = {
  SMTP_URL: address(/^smtps?:\/\//i, 'smtp://user:password@host:587', {
    about: 'The mail server. Wins over SMTP_HOST, _PORT, _SECURE, _USER and _PASSWORD',
    example: 'smtp://user:password@mail.example.com:587',
    isSecret: true,
  }),
  SMTP_HOST: text({ about: 'The mail server', example: 'mail.example.com' }),
  SMTP_PORT: remotePort({
    about: 'Its port. Unset: 465 with SMTP_SECURE, else 587',
    example: '587',
  }),
  SMTP_SECURE: flag({ about: 'TLS from the first byte', default: 'false' }),
  SMTP_USER: text({ about: 'The user at the mail server', example: 'mailer' }),
  SMTP_PASSWORD: text({ about: 'Their password', example: 'secret', isSecret: true }),
  SMTP_FROM: text({
    about: 'The sender where a job names none',
    example: 'Example <noreply@example.com>',
  }),
  SMTP_REQUIRE_TLS: flag({ about: 'Refuse to send where the server offers no TLS', default: 'false' }),
  SMTP_CONNECTION_TIMEOUT: milliseconds({
    about: 'What connecting and greeting may take',
    default: '10000',
    from: 1,
  }),
  SMTP_SOCKET_TIMEOUT: milliseconds({ about: 'How long it may be silent', default: '30000', from: 1 }),
  SMTP_MAX_CONNECTIONS: wholeNumber({
    about: 'Connections kept open, shared by all jobs of a worker',
    default: '5',
    from: 1,
    to: 1_000,
  }),
};

export const dataVariables = {
  HANDLER_DATA_DIR: text({
    about: 'The folder whose files data_processing may read. Unset: it reads from URLs only',
    example: '/srv/data',
  }),
  HANDLER_MAX_BYTES: bytes({
    about: 'The largest document data_processing reads',
    default: '21474836480',
    from: 1,
    to: Number.MAX_SAFE_INTEGER,
  }),
  HANDLER_IDLE_TIMEOUT: milliseconds({
    about: 'How long a server may be silent while data_processing reads from it',
    default: '30000',
    from: 1,
  }),
};

const HOST_PATTERN = /^(\*\.)?[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*$|^\[?[0-9A-Fa-f:]+\]?$/;

export const httpVariables = {
  HTTP_MAX_RESPONSE_BYTES: bytes({
    about: 'How much of a response http_request keeps at most',
    default: '1048576',
    from: 1,
    to: 1_073_741_824,
  }),
  HTTP_ALLOW_PRIVATE: flag({
    about: 'Whether jobs may call private, loopback and link-local addresses',
    default: 'false',
  }),
  HTTP_ALLOWED_HOSTS: listOf(
    (host) => {
      if (!HOST_PATTERN.test(host))
        throw new BadValue('must be a list of hosts like example.com,*.example.org');
      return host;
    },
    { about: 'The only hosts jobs may call. Unset: any', example: 'example.com,*.example.org' },
  ),
  HTTP_CONNECT_TIMEOUT: milliseconds({ about: 'What connecting may take', default: '10000', from: 1 }),
};

import { describe, expect, test } from '@jest/globals';
import { emailPayload, parseMailbox } from '../../../workers/handlers/email-payload.js';

const mail = { to: 'ann@example.test', subject: 'Hello', text: 'Hi' };
const accepts = (changes: object) => emailPayload.safeParse({ ...mail, ...changes }).success;

describe('the payload of email_notification', () => {
  test('takes one address or a list, with or without a name', () => {
    expect(
      accepts({ to: ['ann@example.test', 'Bob Stone <bob@example.test>', '"Stone, Bob" <b@example.test>'] }),
    ).toBe(true);
  });

  test.each<[string, object]>([
    ['a line end in the subject', { subject: 'Hello\r\nBcc: eve@example.test' }],
    ['a bare line feed in the subject', { subject: 'Hello\nBcc: eve@example.test' }],
    ['a line end in an address', { to: 'ann@example.test\r\nBcc: eve@example.test' }],
    ['a line end in a name', { from: 'Ann\r\nBcc: eve@example.test <ann@example.test>' }],
    ['a line end in a header', { headers: { 'X-Tag': 'a\r\nBcc: eve@example.test' } }],
    ['a line end in the name of a header', { headers: { 'X-Tag\r\nBcc': 'eve@example.test' } }],
    ['a header that adds recipients', { headers: { Bcc: 'eve@example.test' } }],
    ['a header of the mail itself', { headers: { 'Message-ID': '<1@example.test>' } }],
    ['two addresses in one text', { to: 'ann@example.test, eve@example.test' }],
    ['a group of addresses', { to: 'All: ann@example.test;' }],
    ['an address within an address', { to: '<ann@example.test> <eve@example.test>' }],
    ['no address', { to: 'nobody' }],
    ['an empty list', { to: [] }],
    ['neither text nor html', { text: undefined }],
    ['attachments and whatever else', { attachments: [{ path: '/etc/passwd' }] }],
  ])('refuses %s', (_what, changes) => expect(accepts(changes)).toBe(false));
});

test('parseMailbox takes a name and an address apart', () => {
  expect(parseMailbox('Ann Wood <ann@example.test>')).toEqual({
    name: 'Ann Wood',
    address: 'ann@example.test',
  });
  expect(parseMailbox('"Wood, Ann" <ann@example.test>')).toEqual({
    name: 'Wood, Ann',
    address: 'ann@example.test',
  });
  expect(parseMailbox('ann@example.test')).toEqual({ name: '', address: 'ann@example.test' });
});

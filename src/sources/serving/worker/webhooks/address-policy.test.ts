import { expect, test } from 'vitest'
import { createAddressPolicy, isPublicAddress } from './address-policy.ts'

test.for([
  ['8.8.8.8', true],
  ['172.15.255.255', true],
  ['172.16.0.0', false],
  ['172.31.255.255', false],
  ['172.32.0.0', true],
  ['127.0.0.1', false],
  ['10.1.2.3', false],
  ['192.168.1.1', false],
  ['169.254.169.254', false], // Metadata of the cloud, the classic aim.
  ['100.100.100.200', false],
  ['0.0.0.0', false],
  ['224.0.0.1', false],
  ['255.255.255.255', false],
  ['2606:4700::1111', true],
  ['::1', false],
  ['::', false],
  ['fe80::1', false],
  ['fd00::1', false],
  ['::ffff:127.0.0.1', false],
  ['::ffff:8.8.8.8', false], // Public, but nobody needs to write it so.
  ['64:ff9b::7f00:1', false],
  ['2002:7f00:1::', false],
  ['2001:0:4136:e378::', false],
  ['ff02::1', false],
  ['not an address', false],
] as const)('%s is public: %s', ([address, want]) => expect(isPublicAddress(address)).toBe(want))

const local = { to: 'public', allow: ['hooks.internal', '127.0.0.1:9000', 'http://10.0.0.7/hooks'] } as const
test.for([
  { why: 'a public name', url: 'https://example.com/hook', fault: undefined },
  { why: 'a public address', url: 'http://8.8.8.8/', fault: undefined },
  { why: 'a scheme that is no web', url: 'file:///etc/passwd', fault: 'scheme' },
  { why: 'no URL', url: 'example.com', fault: 'no URL' },
  { why: 'credentials', url: 'https://me:pw@example.com/', fault: 'password' },
  { why: 'this machine', url: 'http://localhost:8001/metrics', fault: 'not a public' },
  { why: 'this machine by number', url: 'http://127.0.0.1/', fault: 'not a public' },
  { why: 'this machine, written oddly: the URL parser knows it', url: 'http://0x7f.1/', fault: 'not a public' },
  { why: 'this machine as one number', url: 'http://2130706433/', fault: 'not a public' },
  { why: 'this machine in IPv6', url: 'http://[::1]/', fault: 'not a public' },
  { why: 'a host that was named', url: 'https://HOOKS.internal:8443/x', fault: undefined },
  { why: 'a host and port that were named', url: 'http://127.0.0.1:9000/x', fault: undefined },
  { why: 'another port of it', url: 'http://127.0.0.1:9001/x', fault: 'not a public' },
  { why: 'below the beginning that was named', url: 'http://10.0.0.7/hooks/a?b', fault: undefined },
  { why: 'beside it', url: 'http://10.0.0.7/hooksx', fault: 'not a public' },
  { why: 'above it', url: 'http://10.0.0.7/hooks/../admin', fault: 'not a public' },
  { why: 'too long', url: `https://example.com/${'x'.repeat(2048)}`, fault: 'longer' },
])('$why', ({ url, fault }) => {
  const got = createAddressPolicy(local).faultOf(url)
  if (fault === undefined) expect(got).toBeUndefined()
  else expect(got).toContain(fault)
})

test('an entry that is no address is told at the start', () => {
  expect(() => createAddressPolicy({ to: 'public', allow: ['http://a:99999/'] })).toThrow('work.webhooks.allow: "http://a:99999/"')
  expect(() => createAddressPolicy({ to: 'public', allow: ['ftp://a/'] })).toThrow('neither a host')
})

test('any address, and none', () => {
  expect(createAddressPolicy({ to: 'any', allow: [] }).faultOf('http://127.0.0.1/')).toBeUndefined()
  expect(createAddressPolicy({ to: 'off', allow: ['127.0.0.1'] }).faultOf('http://127.0.0.1/')).toContain('switched off')
})

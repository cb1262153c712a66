import { expect, test } from 'vitest'
import { parseListenAddress } from './address.ts'

test.for([
  ['127.0.0.1:9090', { host: '127.0.0.1', port: 9090 }],
  ['localhost:0', { host: 'localhost', port: 0 }],
  ['[::1]:80', { host: '::1', port: 80 }],
  [':8000', { host: '0.0.0.0', port: 8000 }],
  ['9090', undefined],
  ['::1:80', undefined],
  ['a:65536', undefined],
  ['a:', undefined],
] as const)('%s', ([text, want]) => expect(parseListenAddress(text)).toEqual(want))

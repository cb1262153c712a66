import { expect, test } from 'vitest'
import { parseGatewayUrl } from './gateway-url.ts'

test.for([
  ['http://127.0.0.1:8000', 'http://127.0.0.1:8000', ''],
  ['http://127.0.0.1:8000/', 'http://127.0.0.1:8000', ''],
  ['https://models.example', 'https://models.example', ''],
  ['HTTP://[::1]:8000/a/b/', 'http://[::1]:8000', '/a/b'],
])('%s', ([text, origin, prefix]) => expect(parseGatewayUrl(text!)).toEqual({ origin, prefix }))

test.for([
  ['', 'the address is empty'],
  ['  ', 'the address is empty'],
  ['foo', 'foo is not an address such as http://127.0.0.1:8000'],
  ['localhost:18000', 'localhost:18000 is not an address such as http://127.0.0.1:8000'],
  ['127.0.0.1:18000', '127.0.0.1:18000 is not an address such as http://127.0.0.1:8000'],
  ['http://', 'http:// is not an address such as http://127.0.0.1:8000'],
  ['http://host:99999', 'http://host:99999 is not an address such as http://127.0.0.1:8000'],
  ['ftp://host/file', 'ftp://host/file: a gateway speaks http or https, not ftp'],
  ['http://me:secret@host', 'http://host: user and password in the address are not supported'],
  ['http://host/?a=1#b', 'http://host/?a=1#b: behind the path nothing may stand, but ?a=1#b does'],
])('"%s" is refused', ([text, want]) => expect(parseGatewayUrl(text!)).toBe(want))

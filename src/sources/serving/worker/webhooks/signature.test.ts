import { createHmac } from 'node:crypto'
import { expect, test } from 'vitest'
import { signWebhook } from './signature.ts'

test('the example of the specification', () => {
  // The test vector of the Standard Webhooks reference libraries (and of Svix, where it comes from).
  const secret = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw'
  const sent = { id: 'msg_p5jXN8AQM9LWM0D4loKWxJek', timestampSeconds: 1_614_265_330, body: '{"test": 2432232314}' }
  expect(signWebhook(secret, sent)).toBe('v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=')
})

test('a secret of another form is its own bytes', () => {
  const want = createHmac('sha256', 'a plain secret').update('id.7.body').digest('base64')
  expect(signWebhook('a plain secret', { id: 'id', timestampSeconds: 7, body: 'body' })).toBe(`v1,${want}`)
})

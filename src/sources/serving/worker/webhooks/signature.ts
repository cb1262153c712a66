import { createHmac } from 'node:crypto'

const PREFIX = 'whsec_'

/**
 * The key that a secret stands for: `whsec_` and base64 are the bytes written so; any other text is its own bytes.
 * @see https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
 */
function toKey(secret: string): Buffer {
  const encoded = secret.slice(PREFIX.length)
  return secret.startsWith(PREFIX) && /^[A-Za-z0-9+/]+={0,2}$/.test(encoded) ? Buffer.from(encoded, 'base64') : Buffer.from(secret)
}

/**
 * The signature of a webhook as in the Standard Webhooks specification: `v1,` and the HMAC with SHA-256, in base64, over id, time and body.
 * @param timestampSeconds - When this attempt is sent, whole seconds since 1970.
 */
export function signWebhook(
  secret: string,
  { id, timestampSeconds, body }: { id: string; timestampSeconds: number; body: string },
): string {
  return `v1,${createHmac('sha256', toKey(secret)).update(`${id}.${timestampSeconds}.${body}`).digest('base64')}`
}

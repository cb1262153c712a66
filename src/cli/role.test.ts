import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { expect, test } from 'vitest'

const role = JSON.stringify(new URL('role.ts', import.meta.url).href)

/** Runs a module, and sends SIGTERM at its first line. @returns its exit code and what it logged. */
async function runUntilSignal(code: string): Promise<{ code: number | null; log: string }> {
  const child = spawn(process.execPath, ['--input-type=module', '-e', code], { stdio: ['ignore', 'pipe', 'pipe'] })
  let log = ''
  child.stderr.setEncoding('utf8').on('data', (text) => {
    log += text
  })
  child.stdout.once('data', () => child.kill('SIGTERM'))
  const [exitCode] = await once(child, 'close')
  return { code: exitCode, log }
}

test('a signal ends a role that is still starting, and does not wait for its models', async () => {
  const { code, log } = await runUntilSignal(`
    const { runRole } = await import(${role})
    setInterval(() => {}, 1000)
    await runRole('gateway', () => { console.log('starting'); return new Promise(() => {}) })`)
  expect(code).toBe(0)
  expect(log).toContain('gateway stops before it has started: SIGTERM')
})

test('a signal closes a role that runs', async () => {
  const { code, log } = await runUntilSignal(`
    const { runRole } = await import(${role})
    const timer = setInterval(() => {}, 1000)
    setTimeout(() => console.log('runs'), 100)
    await runRole('gateway', async ({ log }) => ({ url: 'http://127.0.0.1:1', async close() { clearInterval(timer); log.info('closed') } }))`)
  expect(code).toBe(0)
  expect(log).toMatch(/gateway listens on http:\/\/127\.0\.0\.1:1.*gateway stops: SIGTERM.*closed/s)
})

test('an error of ours is logged with its cause told once, another with those behind it', async () => {
  const { log } = await runUntilSignal(`
    const { createLogger } = await import(${role})
    const { usageErrors } = await import(${role.replace('role.ts', 'usage.ts')})
    const cause = new Error('the disk is full')
    createLogger('gateway').warn({ err: usageErrors.MW_USAGE('a.db cannot be written: the disk is full', { cause }) }, 'ours')
    createLogger('gateway').warn({ err: new Error('fetch failed', { cause }) }, 'another')
    console.log('told')
    setTimeout(() => {}, 10_000)`)
  const messages = log
    .split('\n')
    .slice(0, 2)
    .map((line) => JSON.parse(line).err.message)
  expect(messages).toEqual(['a.db cannot be written: the disk is full', 'fetch failed: the disk is full'])
})

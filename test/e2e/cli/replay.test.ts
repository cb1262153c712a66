import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'vitest'
import { FakeGateway } from '../../../src/sources/loadtest/testing.ts'
import { runCommand, startCommand } from '../../support/command.ts'
import { until } from '../../support/until.ts'

/** A gateway that does as it is told, and a folder with rows for it; both gone with the test. */
async function fakeGatewayFor({ onTestFinished }: TestContext): Promise<{ dir: string; gateway: FakeGateway }> {
  const dir = mkdtempSync(join(tmpdir(), 'modelwatch-e2e-'))
  const gateway = await FakeGateway.start()
  onTestFinished(async () => {
    await gateway.close()
    rmSync(dir, { recursive: true })
  })
  writeFileSync(join(dir, 'rows.csv'), `wind,sky,warmth\n${'1,sun,2\n'.repeat(20)}`)
  return { dir, gateway }
}

test.concurrent('replay tells in its last line what became of every row and every label', async (context) => {
  const { expect } = context
  const { dir, gateway } = await fakeGatewayFor(context)
  gateway.labels = ({ labels }) => ({ status: 200, body: { outcomes: { matched: labels.length - 1, orphan: 1 } } })
  const { code, stdout } = await runCommand(['replay', 'rows.csv', '--url', gateway.url, '--once', '--rate', '50', '--label-delay', '0s'], {
    cwd: dir,
  })
  expect(stdout).toMatch(
    /\nsent 20, answered 20, labelled \d+, failed 0; \d+ labels? whose prediction the gateway no longer knows, as after its restart\n$/,
  )
  const [, labelled, orphan] = /labelled (\d+), failed 0; (\d+)/.exec(stdout)!
  expect(Number(labelled) + Number(orphan)).toBe(20)
  expect(code).toBe(0)
})

test.concurrent('replay stops at Ctrl-C at any rate, and tells how many labels were not sent', async (context) => {
  const { expect } = context
  const { dir, gateway } = await fakeGatewayFor(context)
  const running = startCommand(['replay', 'rows.csv', '--url', gateway.url, '--rate', '100000', '--label-delay', '1h'], { cwd: dir })
  await until('predictions come', () => gateway.predictions.length > 100)
  running.kill('SIGINT')
  const { code, stdout, stderr } = await running.ended
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  const last =
    /\nsent (\d+), answered (\d+), labelled 0, failed 0(; \d+ rows not sent, for too many were under way)?; (\d+) labels not sent, for the replay was stopped before\n$/.exec(
      stdout,
    )
  expect(last, stdout).not.toBeNull()
  expect(last![2]).toBe(last![1])
  expect(last![4]).toBe(last![1])
})

test.concurrent('replay has failed when nothing was answered', async (context) => {
  const { expect } = context
  const { dir, gateway } = await fakeGatewayFor(context)
  gateway.predict = () => ({ status: 422, body: { error: 'wind must be a number' } })
  const { code, stdout } = await runCommand(['replay', 'rows.csv', '--url', gateway.url, '--once', '--rate', '500'], { cwd: dir })
  expect({ code, last: stdout.trimEnd().split('\n').at(-1) }).toEqual({
    code: 1,
    last: 'sent 20, answered 0, labelled 0, failed 20 (422: wind must be a number)',
  })
})

test.concurrent('replay knows a server that is no gateway', async (context) => {
  const { expect } = context
  const { dir, gateway } = await fakeGatewayFor(context)
  gateway.models = { status: 200, body: {} }
  const { code, stderr } = await runCommand(['replay', 'rows.csv', '--url', gateway.url], { cwd: dir })
  expect(stderr).toMatch(
    /^error http:\/\/127\.0\.0\.1:\d+ is no modelwatch gateway: its \/v1\/models lists no models\n.*MW_REPLAY_UNREACHABLE\)\n$/,
  )
  expect(code).toBe(1)
})

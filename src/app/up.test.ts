import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { type Running, startUp } from './up.ts'

/** Stands in for a role: notes where it is told to listen, says what address it has then, and ends by itself when it is a gateway for the first time. */
const standIn = `import { appendFileSync, readFileSync } from 'node:fs'
const [role, ...args] = process.argv.slice(2)
const listen = args[args.findIndex((arg) => /listen/.test(arg)) + 1]
const log = new URL('listens.txt', import.meta.url)
appendFileSync(log, role + ' ' + listen + '\\n')
const [host, port] = listen.split(':')
const url = new URL('http://' + (host === '0.0.0.0' ? '127.0.0.1' : host) + ':' + (port === '0' ? 40123 : port))
process.send({ kind: 'ready', url: url.origin })
process.on('disconnect', () => process.exit())
process.on('SIGTERM', () => process.exit())
if (role === 'serve' && readFileSync(log, 'utf8').split('serve').length === 2) setTimeout(() => process.exit(1), 50)
`
let dir = ''
let running: Running | undefined

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'up-'))
  await writeFile(join(dir, 'role.mjs'), standIn)
})

afterEach(async () => {
  await running?.stop()
  running = undefined
  await rm(dir, { recursive: true })
})

test.for([
  { why: 'every interface, which its URL cannot name', listen: '0.0.0.0:18000', again: '0.0.0.0:18000' },
  { why: 'port 80, which its URL leaves out', listen: '127.0.0.1:80', again: '127.0.0.1:80' },
  { why: 'any free port: the one it had, for others know it by now', listen: '0.0.0.0:0', again: '0.0.0.0:40123' },
])('a role that died comes back to where it listened: $why', async ({ listen, again }) => {
  await writeFile(join(dir, 'modelwatch.yaml'), `serving: { listen: '${listen}' }\n`)
  const notes: string[] = []
  running = await startUp(
    dir,
    { command: [process.execPath, join(dir, 'role.mjs')], onLog() {}, onNote: (text) => notes.push(text) },
    new AbortController().signal,
  )
  const served = async () => (await readFile(join(dir, 'listens.txt'), 'utf8')).split('\n').filter((line) => line.startsWith('serve'))
  await expect.poll(served, { timeout: 10_000 }).toEqual([`serve ${listen}`, `serve ${again}`])
  expect(notes).toEqual(['the gateway ended unexpectedly (exit code 1); it is started anew in 0.5 s'])
})

import { execFileSync } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import { parseModelSchema } from '../../../../watch/index.ts'
import { createHeaders } from './credentials.ts'
import { double, doublingYaml, type Handler, type LoadedUpstream, loadUpstream, reply, startServer, type TestServer } from './testing.ts'

const closing: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close()
})

async function serve(handler: Handler, options: Parameters<typeof startServer>[1] = {}): Promise<TestServer> {
  const server = await startServer(handler, options)
  closing.push(server.close)
  return server
}

async function load(yaml: string): Promise<LoadedUpstream> {
  const loaded = await loadUpstream(yaml)
  closing.push(() => loaded.model.unload())
  return loaded
}

async function folder(): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), 'upstream-'))
  closing.push(() => rm(dir, { recursive: true }))
  return dir
}

const doubles: Handler = (request, response) => reply(response, request.method === 'GET' ? 'live' : double(request))

test('health is asked, and a row is tried', async () => {
  const server = await serve(doubles)
  await load(`url: ${server.url}\nhealth: /health\n${doublingYaml}`)
  expect(server.seen.map(({ method, path, body }) => `${method} ${path} ${body}`)).toEqual(['GET /health ', 'POST / {"rows":[{"a":0}]}'])
})

test('a server that comes up late is waited for', async () => {
  let asked = 0
  const server = await serve((request, response, socket) => {
    if (++asked < 4) reply(response, 'starting', { status: 503 })
    else doubles(request, response, socket)
  })
  const { predict } = await load(`url: ${server.url}\nhealth: /health\nattempts_max: 1\nstartup_wait: 1m\n${doublingYaml}`)
  expect(await predict([2])).toEqual([4])
})

test('one that does not come up is told, with address and reason', async () => {
  const server = await startServer(doubles)
  await server.close()
  await expect(load(`url: ${server.url}\nstartup_wait: 300ms\n${doublingYaml}`)).rejects.toMatchObject({
    code: 'MW_UPSTREAM_UNAVAILABLE',
    message: expect.stringMatching(`${server.url} cannot be reached: connect ECONNREFUSED`) as string,
  })
})

test('a row that does not fit is told when it is loaded, not by the first client', async () => {
  const server = await serve((_, response) => reply(response, { detail: 'field b is missing' }, { status: 422 }))
  await expect(load(`url: ${server.url}\n${doublingYaml}`)).rejects.toMatchObject({
    code: 'MW_MODEL_MISMATCH',
    message: expect.stringMatching(
      `/upstream\\.yaml: a row made from model\\.yaml fails: ${server.url} answered 422: field b is missing$`,
    ) as string,
    hint: expect.stringContaining('probe: false') as string,
  })
})

test('a picture is tried with a picture', async () => {
  const server = await serve((_, response) => reply(response, { y: 1 }))
  const schema = parseModelSchema('name: m\nfeatures: [{ name: p, type: image }]\noutputs: [{ name: y, kind: regression }]', {
    file: 'model.yaml',
  })
  const { model } = await loadUpstream(`url: ${server.url}\nprotocol: json\nbatch: false\nrequest: $row\nresponse: { y: /y }`, schema)
  await model.unload()
  expect(
    Buffer.from((JSON.parse(server.seen[0]!.body) as { p: string }).p, 'base64')
      .subarray(1, 4)
      .toString(),
  ).toBe('PNG')
})

test('secrets are read from files, and anew when they change', async () => {
  const dir = await folder()
  const config = { headers: { 'x-team': 'wine' }, header_files: { 'x-key': join(dir, 'key') }, bearer_token_file: join(dir, 'token') }
  await writeFile(join(dir, 'key'), 'k1\n')
  await writeFile(join(dir, 'token'), 't1\n')
  let nowMs = 0
  const headers = await createHeaders(config, () => nowMs)
  expect(await headers()).toEqual({ 'x-team': 'wine', 'x-key': 'k1', authorization: 'Bearer t1' })
  await rm(join(dir, 'token'))
  await writeFile(join(dir, 'token'), 'second')
  expect(await headers()).toMatchObject({ authorization: 'Bearer t1' })
  nowMs = 5000
  expect(await headers()).toMatchObject({ authorization: 'Bearer second', 'x-key': 'k1' })
  await rm(join(dir, 'token'))
  nowMs = 10_000
  expect(await headers()).toMatchObject({ authorization: 'Bearer second' })
})

test.for([
  { why: 'a file that is not there', text: undefined, want: /ENOENT/ },
  { why: 'a file of two lines', text: 'a\r\nx-admin: yes', want: /holds what no header can carry/ },
])('secrets that cannot be sent are refused at the start: $why', async ({ text, want }) => {
  const dir = await folder()
  if (text !== undefined) await writeFile(join(dir, 'key'), text)
  await expect(createHeaders({ headers: {}, header_files: { 'x-key': join(dir, 'key') } })).rejects.toMatchObject({
    code: 'MW_MODEL_UNREADABLE',
    message: expect.stringMatching(want) as string,
  })
})

/** A certificate of 127.0.0.1 that nobody has signed but itself. */
async function selfSigned(dir: string): Promise<{ key: string; cert: string }> {
  const args =
    'req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=model.test -addext subjectAltName=IP:127.0.0.1'
  execFileSync('openssl', [...args.split(' '), '-keyout', join(dir, 'key.pem'), '-out', join(dir, 'cert.pem')], { stdio: 'ignore' })
  return { key: await readFile(join(dir, 'key.pem'), 'utf8'), cert: await readFile(join(dir, 'cert.pem'), 'utf8') }
}

const openssl = hasOpenssl()
function hasOpenssl(): boolean {
  try {
    execFileSync('openssl', ['version'], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}

test.skipIf(!openssl)(
  `TLS: a certificate is trusted when it is said, and else refused${openssl ? '' : ' (skipped: needs openssl)'}`,
  async () => {
    const dir = await folder()
    const server = await serve(doubles, { tls: await selfSigned(dir) })
    const base = `url: ${server.url}\nstartup_wait: 0\nattempts_max: 1\n${doublingYaml}`
    const { predict } = await load(`${base}tls: { ca_file: ${join(dir, 'cert.pem')} }`)
    expect(await predict([2])).toEqual([4])
    await expect(load(base)).rejects.toMatchObject({
      code: 'MW_UPSTREAM_UNAVAILABLE',
      message: expect.stringMatching(/cannot be reached: .*self.signed certificate/) as string,
    })
    const careless = await load(`${base}tls: { insecure_skip_verify: true }`)
    expect(await careless.predict([3])).toEqual([6])
    await expect(load(`${base}tls: { ca_file: ${join(dir, 'none.pem')} }`)).rejects.toMatchObject({ code: 'MW_MODEL_UNREADABLE' })
  },
)

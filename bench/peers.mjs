// `npm run peers`: the plane beside Prometheus and VictoriaMetrics, in one run, as black boxes. It takes a few minutes and wants a quiet machine; no part of
// the tests. Needs the folder ../shared; what it prints is also written to bench/peers/, with the machine and the day.
import { spawn, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { cpus, totalmem } from 'node:os'
import { delimiter, join } from 'node:path'
import { ensureBuilt } from '../scripts/lib/build.mjs'
import { ensureInstalled } from '../scripts/lib/install.mjs'
import { root } from '../scripts/lib/run.mjs'

const shared = join(root, '../shared')
if (!existsSync(join(shared, 'bench/plane.mjs'))) {
  console.error('npm run peers needs the folder ../shared, with the bench and the list of peers; it is not here.')
  process.exit(2)
}
await ensureInstalled()
await ensureBuilt()
const peers = process.env.MODELWATCH_PEERS ?? '/tmp/peers'
const fetched = spawnSync('bash', [join(shared, 'peers/fetch-binaries'), peers], { stdio: ['ignore', 'ignore', 'inherit'] })
if (fetched.status !== 0) process.exit(1)

const flags = [
  '--config.file {dir}/prometheus.yml',
  '--storage.path {dir}/data',
  '--web.listen-address 127.0.0.1:{port}',
  '--web.enable-admin-api',
  '--web.enable-remote-write-receiver',
  '--storage.retention.time 200y',
  '--enable-feature promql-experimental-functions,promql-delayed-name-removal',
]
const command = `exec ${join(root, 'bin/modelwatch.js')} monitor ${flags.join(' ')}`
const child = spawn(
  process.execPath,
  [join(shared, 'bench/plane.mjs'), '--server', `modelwatch=http://127.0.0.1:{port}=${command}`, ...process.argv.slice(2)],
  {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, PEERS: peers, PATH: `${join(root, 'node_modules/.bin')}${delimiter}${process.env.PATH}` },
  },
)
let output = ''
child.stdout.on('data', (piece) => {
  process.stdout.write(piece)
  output += piece
})
child.once('close', (code) => {
  process.exitCode = code ?? 1
  if (code !== 0) return
  const machine = `${cpus().length} × ${cpus()[0].model}, ${Math.round(totalmem() / 2 ** 30)} GiB, Node ${process.versions.node}`
  // What the servers log between the lines of the table is none of the figures.
  const table = output
    .split('\n')
    .filter((line) => !line.startsWith('{'))
    .join('\n')
  const dir = join(root, 'bench/peers')
  mkdirSync(dir, { recursive: true })
  const file = join(dir, 'plane.txt')
  writeFileSync(
    file,
    `npm run peers${process.argv
      .slice(2)
      .map((word) => ` ${word}`)
      .join('')}\n${new Date().toISOString().slice(0, 10)}, ${machine}\n\n${table}`,
  )
  console.log(`written to ${file}`)
})

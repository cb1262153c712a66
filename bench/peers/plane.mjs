// `npm run peers -- plane`: the plane beside Prometheus and VictoriaMetrics, in one run, as black boxes. It takes a few minutes. What it prints is also
// written to plane.txt beside this file, with the machine and the day.
import { spawn, spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { cpus, totalmem } from 'node:os'
import { delimiter, join } from 'node:path'
import { root } from '../../scripts/lib/run.mjs'

const shared = join(root, '../shared')
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
  const file = join(import.meta.dirname, 'plane.txt')
  const called = ['npm run peers -- plane', ...process.argv.slice(2)].join(' ')
  writeFileSync(file, `${called}\n${new Date().toISOString().slice(0, 10)}, ${machine}\n\n${table}`)
  console.log(`written to ${file}`)
})

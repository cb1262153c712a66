import { execFile } from 'node:child_process'
import { cp, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { promisify } from 'node:util'
import { type RedisServer, startRedis } from '../../support/redis.ts'
import { root } from '../../support/source-files.ts'
import { Role } from './role.ts'

/** How the queue of the test treats tasks. */
export const attemptsMax = 3
/** As it is by itself: a task that was in hand when its worker was killed goes alone after that, and is not met by two more kills. */
export const deathsMax = 3
/** Short, so that what a dead worker held is soon another's. */
const LEASE_MS = 2000
/** Longest wait for everything to be there: some kills on the way, on a machine that others use too. */
const READY_MS_MAX = 90_000

/** What can be killed. */
export type Victim = 'gateway' | 'worker 1' | 'worker 2' | 'redis'

export interface World {
  readonly dir: string
  readonly gatewayUrl: string
  readonly victims: readonly Victim[]
  /** Folder of Redis' files. */
  readonly redisDir: string
  readonly roles: readonly Role[]
  /** Kills it, at whatever it is; it comes back. */
  kill(victim: Victim): void
  /** A worker stands still for longer than its claims hold, and then goes on as if nothing had happened. */
  freeze(victim: Victim): void
  /** Resolves when everything is there. */
  whenReady(): Promise<void>
  /** Asks everything but Redis to end. */
  stop(): Promise<void>
  dispose(): Promise<void>
}

/**
 * Bundles the command into a folder of its own: it starts in a third of the time it takes from its sources, and those may change under the test.
 * @returns its main file.
 */
export async function buildCommand(dir: string): Promise<string> {
  await cp(join(root, 'package.json'), join(dir, 'package.json'))
  await symlink(join(root, 'node_modules'), join(dir, 'node_modules'))
  const bundler = pathToFileURL(join(root, 'scripts/lib/bundle.mjs')).href
  const script = `import { bundleCommand } from ${JSON.stringify(bundler)}; await bundleCommand(${JSON.stringify(join(dir, 'dist/cli'))})`
  await promisify(execFile)(process.execPath, ['--input-type=module', '--eval', script])
  return join(dir, 'dist/cli/main.js')
}

export interface WorldOptions {
  /** Path of redis-server; undefined: the queue is a file. */
  readonly redisProgram: string | undefined
  /** The built command. */
  readonly command: string
  readonly inGateway: boolean
  readonly webhookUrl: string
  /** Before anything runs on the queue. */
  prepare(dir: string): Promise<void>
  say(text: string): void
  /** Told of what nobody should have done. */
  fault(text: string): void
}

/** Starts a gateway and two workers, and Redis where the queue is there. */
export async function startWorld(options: WorldOptions): Promise<World> {
  const { redisProgram, command, say, fault } = options
  const dir = await mkdtemp(join(tmpdir(), 'modelwatch-tasks-'))
  const redisDir = join(dir, 'redis')
  let redis: RedisServer | undefined
  try {
    await mkdir(redisDir)
    if (redisProgram !== undefined) redis = await startRedis(redisProgram, { appendfsync: 'always', flags: redisFlags(redisDir) })
    await writeFile(join(dir, 'modelwatch.yaml'), toConfig(redis?.url ?? 'sqlite:queue.db', options))
    await options.prepare(dir)
  } catch (error) {
    await redis?.stop()
    await rm(dir, { recursive: true, force: true })
    throw error
  }

  const mayFail = (reason: string) =>
    reason.startsWith('MW_LISTEN_ADDRESS_IN_USE') || (redis !== undefined && /^MW_(QUEUE|TRAFFIC)_UNAVAILABLE/.test(reason))
  const port = await findPort()
  const start = (name: string, ...args: string[]) => new Role(name, [command, ...args], { mayFail, note: say, fault })
  const roles = [
    start('gateway', 'serve', dir, '--listen', `127.0.0.1:${port}`),
    start('worker 1', 'work', dir),
    start('worker 2', 'work', dir),
  ]
  const roleOf = (victim: Victim) => roles.find(({ name }) => name === victim)!
  const redisLife = createRedisLife(redis, say)
  const areReady = async () => {
    await redisLife.whenReady()
    await Promise.all(roles.map((role) => role.whenReady()))
  }

  return {
    dir,
    gatewayUrl: `http://127.0.0.1:${port}`,
    victims: redis === undefined ? ['gateway', 'worker 1', 'worker 2'] : ['gateway', 'worker 1', 'worker 2', 'redis'],
    redisDir,
    roles,
    kill(victim) {
      say(`kills ${victim}`)
      if (victim === 'redis') redisLife.kill()
      else roleOf(victim).kill()
    },
    freeze(victim) {
      say(`freezes ${victim}`)
      roleOf(victim).freeze(1.5 * LEASE_MS)
    },
    async whenReady() {
      let timer: NodeJS.Timeout | undefined
      const tooLate = new Promise<never>((_, reject) => {
        const toError = () => new Error(`not ready after ${READY_MS_MAX} ms: ${toNames(roles.filter(({ isReady }) => !isReady))}`)
        timer = setTimeout(() => reject(toError()), READY_MS_MAX)
      })
      await Promise.race([areReady(), tooLate]).finally(() => clearTimeout(timer))
    },
    async stop() {
      await Promise.all(roles.map((role) => role.stop()))
    },
    async dispose() {
      await Promise.all(roles.map((role) => role.dispose()))
      await redisLife.whenReady().catch(() => {}) // It failed the test already.
      await redis?.stop()
      await rm(dir, { recursive: true, force: true })
    },
  }
}

const toNames = (roles: readonly Role[]) => roles.map(({ name }) => name).join(', ') || 'redis'

/** Its log is kept whole, for it is read in the end. */
const redisFlags = (dir: string) => ['--dir', dir, '--auto-aof-rewrite-percentage', '0']

/** Kills Redis and starts it again, one after the other. */
function createRedisLife(redis: RedisServer | undefined, say: (text: string) => void) {
  let last: Promise<void> = Promise.resolve()
  return {
    kill() {
      last = last.then(async () => {
        await redis!.kill()
        await redis!.start()
        say('redis is ready')
      })
      last.catch(() => {}) // Whoever waits is told.
    },
    whenReady: () => last,
  }
}

function toConfig(queueUrl: string, { inGateway, webhookUrl }: WorldOptions): string {
  return `serving:
  models: ${join(import.meta.dirname, 'models')}
queue:
  url: ${queueUrl}
  lease: ${LEASE_MS}ms
  attempts_max: ${attemptsMax}
  retry_delay: 50ms
  retry_delay_max: 1s
  webhook_delay: 200ms
  webhook_attempts_max: 20
work:
  listen: 127.0.0.1:0
  in_gateway: ${inGateway}
  threads_max: 1
  webhooks: { allow: ["${webhookUrl}"] }
`
}

/** A port below those that the system gives away by itself, so that nobody takes it while the gateway is down. */
async function findPort(): Promise<number> {
  for (;;) {
    const port = 12_000 + Math.floor(Math.random() * 20_000)
    const server = createServer()
    const isFree = await new Promise<boolean>((resolve) => {
      server.once('error', () => resolve(false))
      server.listen(port, '127.0.0.1', () => resolve(true))
    })
    if (!isFree) continue
    await new Promise((resolve) => server.close(resolve))
    return port
  }
}

import { mkdtempSync, rmSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { endTree, isAlive, type Running, startProgram } from './command.ts'
import { until } from './until.ts'
import { freePorts } from './up.ts'

/** A real Redis on a port and in a folder of its own. */
export interface RedisServer {
  readonly port: number
  /** `redis://127.0.0.1:PORT`. */
  readonly url: string
  /** As a power cut would: nothing more is written. */
  kill(): Promise<void>
  /** Starts it again on the same port and folder, and waits until it has read its files. */
  start(): Promise<void>
  /** Ends it, and removes the folder. For `afterAll`: harmless after `kill`. */
  stop(): Promise<void>
}

export interface RedisServerOptions {
  /** Writes an append-only file, and when it reaches the disk; without it the server forgets everything when it ends. */
  readonly appendfsync?: 'always' | 'everysec'
  /** More of its flags, such as `--requirepass secret`. */
  readonly flags?: readonly string[]
}

/** Starts Redis and waits until it answers. @param program - Where it is. */
export async function startRedis(program: string, { appendfsync, flags = [] }: RedisServerOptions = {}): Promise<RedisServer> {
  const dir = mkdtempSync(join(tmpdir(), 'modelwatch-redis-'))
  const [port] = await freePorts(1)
  const durability = appendfsync === undefined ? ['--appendonly', 'no'] : ['--appendonly', 'yes', '--appendfsync', appendfsync]
  const args = ['--bind', '127.0.0.1', '--port', String(port), '--dir', dir, '--save', '', ...durability, ...flags]
  let running: Running | undefined

  const kill = async () => {
    if (running === undefined) return
    if (isAlive(running.pid)) endTree(running.pid)
    await running.ended
  }
  const start = async () => {
    running = startProgram(program, args)
    await until('Redis answers', () => {
      if (!isAlive(running!.pid)) throw new Error(`Redis ended: ${running!.stdout()}${running!.stderr()}`)
      return answers(port!)
    })
  }
  const stop = async () => {
    await kill()
    rmSync(dir, { recursive: true, force: true })
  }
  try {
    await start()
  } catch (error) {
    await stop()
    throw error
  }
  return { port: port!, url: `redis://127.0.0.1:${port}`, kill, start, stop }
}

/** Whether it answers PING, be it that it wants a password, and no longer reads its files. */
function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => socket.write('PING\r\n'))
    const end = (answer: boolean) => {
      socket.destroy()
      resolve(answer)
    }
    socket.once('data', (data) => end(/^(\+PONG|-NOAUTH)/.test(data.toString())))
    socket.once('error', () => end(false))
    socket.once('close', () => end(false))
  })
}

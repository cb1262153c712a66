import { spawn } from 'node:child_process'

export interface BenchServer {
  readonly url: string
  readonly pid: number
  stop(): Promise<void>
}

/** Starts a program that says over its process channel that it is ready, and where. */
export async function startServer(command: readonly [string, ...string[]]): Promise<BenchServer> {
  const [program, ...args] = command
  const child = spawn(program, args, { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] })
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()))
  const url = await new Promise<string>((resolve, reject) => {
    child.once('message', (message: { kind: string; url?: string; message?: string }) =>
      message.kind === 'ready' ? resolve(message.url!) : reject(new Error(message.message)),
    )
    child.once('exit', (code) => reject(new Error(`${command.join(' ')} ended with ${code}`)))
  })
  return {
    url,
    pid: child.pid!,
    async stop() {
      child.kill('SIGTERM')
      await exited
    },
  }
}

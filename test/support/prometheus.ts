import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { endTree, isAlive, startProgram } from './command.ts'
import { until } from './until.ts'
import { freePorts } from './up.ts'

/** A real Prometheus on a config file. */
export interface PrometheusServer {
  readonly url: string
  stop(): Promise<void>
}

/** Starts Prometheus and waits until it answers. @param program - Where it is. @param flags - More of them. */
export async function startPrometheus(program: string, configFile: string, flags: readonly string[] = []): Promise<PrometheusServer> {
  const storage = mkdtempSync(join(tmpdir(), 'modelwatch-prometheus-'))
  const [port] = await freePorts(1)
  const running = startProgram(program, [
    `--config.file=${configFile}`,
    `--storage.tsdb.path=${storage}`,
    `--web.listen-address=127.0.0.1:${port}`,
    '--log.level=warn',
    ...flags,
  ])
  const url = `http://127.0.0.1:${port}`
  const stop = async () => {
    if (isAlive(running.pid)) endTree(running.pid)
    await running.ended
    rmSync(storage, { recursive: true, force: true })
  }
  try {
    await until('Prometheus is ready', async () => {
      if (!isAlive(running.pid)) throw new Error(`Prometheus ended: ${running.stderr()}`)
      return (await fetch(`${url}/-/ready`)).ok
    })
  } catch (error) {
    await stop()
    throw error
  }
  return { url, stop }
}

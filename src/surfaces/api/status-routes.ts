import { availableParallelism, hostname } from 'node:os'
import { cwd, version as nodeVersion } from 'node:process'
import type { FastifyInstance } from 'fastify'
import { formatDuration } from '../../core/time.ts'
import type { ApiDeps } from './contract.ts'
import { success, timestamp } from './reply.ts'

/** `/api/v1/status/…`, `/-/healthy` and `/-/ready`. Fields about Go keep their names, for clients read them, and say what Node has. */
export function statusRoutes(app: FastifyInstance, { status, clock }: ApiDeps): void {
  app.get('/api/v1/status/config', async () => success({ yaml: status.configText }))
  app.get('/api/v1/status/flags', async () => success(status.flags))
  app.get('/api/v1/status/buildinfo', async () =>
    success({
      version: status.version,
      revision: '',
      branch: '',
      buildUser: 'modelwatch',
      buildDate: '',
      goVersion: `node ${nodeVersion}`,
    }),
  )
  app.get('/api/v1/status/runtimeinfo', async () =>
    success({
      startTime: timestamp(status.startedMs),
      CWD: cwd(),
      hostname: hostname(),
      serverTime: timestamp(clock.now()),
      reloadConfigSuccess: true,
      lastConfigTime: timestamp(status.startedMs),
      corruptionCount: 0,
      goroutineCount: 0,
      GOMAXPROCS: availableParallelism(),
      GOMEMLIMIT: 0,
      GOGC: '',
      GODEBUG: '',
      storageRetention: formatDuration(status.retentionMs),
    }),
  )
  app.get('/-/healthy', async (_, reply) => reply.type('text/plain; charset=utf-8').send('modelwatch is healthy.\n'))
  app.get('/-/ready', async (_, reply) => {
    const ready = status.isReady()
    return reply
      .code(ready ? 200 : 503)
      .type('text/plain; charset=utf-8')
      .send(ready ? 'modelwatch is ready.\n' : 'modelwatch is not ready yet.\n')
  })
}

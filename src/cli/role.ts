import { type Logger, pino } from 'pino'
import type { RunningRole } from '../app/running-role.ts'
import type { RoleMessage } from '../app/supervisor/child.ts'
import { ModelwatchError, messageOf } from '../core/errors.ts'

export function createLogger(name: string): Logger {
  return pino(
    { base: { role: name }, timestamp: pino.stdTimeFunctions.isoTime, serializers: { err: toLoggedError } },
    pino.destination({ dest: 2, sync: true }),
  )
}

/** As pino has it: with the messages of the causes behind the error's own, except where that tells them already, as ours do. */
function toLoggedError(error: Error): unknown {
  const logged = pino.stdSerializers.err(error)
  return error instanceof ModelwatchError ? Object.assign(logged, { message: error.message }) : logged
}

/**
 * Runs one role until a signal asks it to end, or its supervisor goes away. Under a supervisor it says over the process channel that it is ready,
 * or why it could not start; alone it logs. While it starts nothing is under way that would have to be finished: a signal then ends the process at
 * once, however long its models take to load. Once the role is closed the process ends, too: a model that hangs must not hold it.
 */
export async function runRole(name: string, start: (deps: { log: Logger }) => Promise<RunningRole>): Promise<void> {
  const log = createLogger(name)
  const tell = (message: RoleMessage) => process.send?.(message)
  const stop = Promise.withResolvers<string>()
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stop.resolve(signal))
  process.once('disconnect', () => stop.resolve('its supervisor went away'))
  let role: RunningRole | undefined
  try {
    role = await Promise.race([start({ log }), stop.promise.then(() => undefined)])
  } catch (error) {
    if (process.send === undefined) throw error
    const known = error instanceof ModelwatchError ? error : undefined
    if (known === undefined) log.error({ err: error }, 'cannot start')
    tell({
      kind: 'failed',
      code: known?.code ?? 'MW_INTERNAL',
      errorKind: known?.kind ?? 'internal',
      message: messageOf(error),
      hint: known?.hint ?? 'Its log above says more.',
    })
    process.exitCode = 1
    process.disconnect()
    return
  }
  if (role === undefined) {
    log.info(`${name} stops before it has started: ${await stop.promise}`)
    process.exit()
  }
  log.info({ url: role.url }, `${name} listens on ${role.url}`)
  tell({ kind: 'ready', url: role.url })
  const why = await stop.promise
  log.info(`${name} stops: ${why}`)
  await role.close()
  process.exit()
}

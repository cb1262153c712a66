import type { Redis } from 'ioredis'
import type { Reply } from './records.ts'
import { careScript, mendScript, purgeScript, retryScript } from './scripts/care.ts'
import { heartbeatScript, planScript, startScript } from './scripts/claim.ts'
import { cancelScript, completeScript, failScript, releaseScript } from './scripts/finish.ts'
import { claimHooksScript, deliveredScript, undeliveredScript } from './scripts/hooks.ts'
import { getScript, idsScript, listScript, statsScript } from './scripts/look.ts'
import { prelude, type ScriptSetting } from './scripts/prelude.ts'
import { submitScript, ticketedScript } from './scripts/submit.ts'

const scriptsOf = ({ options }: ScriptSetting) => ({
  submit: submitScript,
  ticketed: ticketedScript,
  plan: planScript,
  start: startScript,
  heartbeat: heartbeatScript,
  complete: completeScript,
  fail: failScript(options),
  release: releaseScript,
  cancel: cancelScript,
  care: careScript,
  mend: mendScript,
  retry: retryScript,
  purge: purgeScript,
  get: getScript,
  list: listScript,
  stats: statsScript,
  ids: idsScript,
  claimHooks: claimHooksScript,
  delivered: deliveredScript,
  undelivered: undeliveredScript(options),
})

export type ScriptName = keyof ReturnType<typeof scriptsOf>

/** Runs a script by its name, as one step that nothing comes between. */
export type CallScript = (name: ScriptName, args: readonly (string | number)[]) => Promise<Reply>

/**
 * Makes the scripts known to a client, which sends their text once to each server that lacks it.
 * @param root - The prefix of all keys.
 */
export function createScripts(client: Redis, root: string, setting: ScriptSetting): CallScript {
  const head = prelude(setting)
  const commands = client as unknown as Record<string, (root: string, ...args: (string | number)[]) => Promise<Reply>>
  for (const [name, text] of Object.entries(scriptsOf(setting))) {
    client.defineCommand(`modelwatch:${name}`, { numberOfKeys: 1, lua: `${head}\n${text}` })
  }
  return (name, args) => commands[`modelwatch:${name}`]!(root, ...args)
}

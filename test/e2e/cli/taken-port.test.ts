import { test } from 'vitest'
import { descendantsOf, isAlive, startCommand } from '../../support/command.ts'
import { releasePort, takePort } from '../../support/up.ts'
import { projectFor } from './faults.ts'

test.concurrent.for([
  { what: 'serving.listen', url: 'gatewayUrl' },
  { what: 'the monitor', url: 'monitorUrl' },
] as const)('a port that is taken ($what): nothing is left running', async ({ what, url }, context) => {
  const { expect } = context
  const project = await projectFor(context)
  const { host, port } = new URL(project[url])
  const taken = await takePort(Number(port))
  const running = startCommand(['up', project.dir])
  const seen = new Set<number>()
  const looking = setInterval(() => {
    for (const pid of descendantsOf(running.pid)) seen.add(pid)
  }, 20)
  try {
    const { code, stderr } = await running.ended
    expect(stderr.split('\n')[0]).toBe(`error ${what}: ${host} is in use already`)
    expect(stderr).toMatch(/Stop what listens there .*, or choose another port\. \(MW_LISTEN_ADDRESS_IN_USE\)/)
    expect(stderr).not.toContain('    at ')
    expect(code).toBe(2)
    expect(seen.size).toBe(2)
    expect([...seen].filter(isAlive)).toEqual([])
    // The other port was let go.
    const other = new URL(url === 'gatewayUrl' ? project.monitorUrl : project.gatewayUrl)
    await releasePort(await takePort(Number(other.port)))
  } finally {
    clearInterval(looking)
    await releasePort(taken)
  }
})

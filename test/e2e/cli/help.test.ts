import { readFileSync } from 'node:fs'
import { test } from 'vitest'
import { runCommand } from '../../support/command.ts'

test.concurrent.for([
  { args: ['--help'], mentions: ['up', 'serve', 'monitor', 'profile', 'replay', 'export', '--version', '--trace', 'Exit codes'] },
  { args: ['up', '--help'], mentions: ['[dir]', 'modelwatch.yaml', '--trace'] },
  { args: ['serve', '--help'], mentions: ['[dir]', '--listen'] },
  { args: ['monitor', '--help'], mentions: ['--config.file', '--web.listen-address', '--storage.retention.time'] },
  { args: ['profile', '--help'], mentions: ['<model-dir>', '--data', '--revision', '--out', '--bins', '--skip-invalid', 'Example:'] },
  {
    args: ['replay', '--help'],
    mentions: ['<file>', '--url', '--model', '--rate', '--order', '--seed', '--label-delay', '--for', '--once', 'Example:'],
  },
  { args: ['deploy', '--help'], mentions: ['<model>', '<source>', '--dir', '--name', '--no-traffic', '--tag', '--json', 'Examples:'] },
  {
    args: ['traffic', '--help'],
    mentions: ['--to-revisions', '--to-tags', '--to-latest', '--set-tag', '--shadow', '--no-shadow', 'Examples:'],
  },
  { args: ['revisions', '--help'], mentions: ['<model>', '--all', '--json'] },
  { args: ['rollback', '--help'], mentions: ['<model>', '--no-wait', '--timeout', '--json'] },
  { args: ['queue', '--help'], mentions: ['ls', 'show', 'retry', 'purge'] },
  { args: ['queue', 'purge', '--help'], mentions: ['--state', '--model', '--yes', 'Examples:'] },
  { args: ['work', '--help'], mentions: ['[dir]', '--models', '--threads-min', '--threads-max', '--listen'] },
  { args: ['export', '--help'], mentions: ['rules'] },
  { args: ['export', 'rules', '--help'], mentions: ['[dir]', '--out'] },
  { args: ['help', 'serve'], mentions: ['--listen'] },
])('modelwatch $args', async ({ args, mentions }, { expect }) => {
  const { code, stdout, stderr } = await runCommand(args)
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  expect(stdout).toMatch(/^Usage: modelwatch /)
  expect(mentions.filter((word) => !stdout.includes(word))).toEqual([])
})

test.concurrent('--version is the version of the package', async ({ expect }) => {
  const { version } = JSON.parse(readFileSync(new URL('../../../package.json', import.meta.url), 'utf8')) as { version: string }
  expect(await runCommand(['--version'])).toMatchObject({ code: 0, stdout: `${version}\n`, stderr: '' })
})

import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const root = fileURLToPath(new URL('../../', import.meta.url))

/** Node 24 as the development dependency `node` brings it: whatever Node began the script, the product runs on this one. */
export const projectNode = join(root, 'node_modules', '.bin', process.platform === 'win32' ? 'node.cmd' : 'node')

/** The path of a development tool's program. */
export const tool = (name) => join(root, 'node_modules', '.bin', process.platform === 'win32' ? `${name}.cmd` : name)

/** Environment in which `node` is the project's. */
export function projectEnv(extra = {}) {
  return { ...process.env, PATH: `${join(root, 'node_modules', '.bin')}${delimiter}${process.env.PATH ?? ''}`, ...extra }
}

/**
 * Runs a program with the terminal handed on; resolves to its exit code (128 + 15 where a signal ended it).
 * Ctrl-C goes to the child, which decides; this process waits for it.
 */
export function run(program, args, options = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { stdio: 'inherit', cwd: root, env: projectEnv(), ...options })
    const hold = () => {}
    process.on('SIGINT', hold)
    const forward = () => child.kill('SIGTERM')
    process.on('SIGTERM', forward)
    child.once('error', reject)
    child.once('exit', (code, signal) => {
      process.off('SIGINT', hold)
      process.off('SIGTERM', forward)
      resolve(code ?? (signal === null ? 1 : 143))
    })
  })
}

/** Runs a program that asks for nothing. @returns its exit code, and what it wrote to both streams, in order. */
export function capture(program, args) {
  return new Promise((resolve, reject) => {
    const env = projectEnv(process.stdout.isTTY ? { FORCE_COLOR: '1' } : {})
    const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'], cwd: root, env })
    let output = ''
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text) => {
        output += text
      })
    }
    child.once('error', reject)
    child.once('close', (code) => resolve({ code: code ?? 1, output }))
  })
}

/** Runs a TypeScript or JavaScript file on the project's Node. */
export const runNode = (args, options) => run(existsSync(projectNode) ? projectNode : process.execPath, args, options)

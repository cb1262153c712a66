#!/usr/bin/env node
const NODE_MAJOR_MIN = 24
const major = Number(process.versions.node.split('.')[0])
if (major < NODE_MAJOR_MIN) {
  console.error(`modelwatch needs Node ${NODE_MAJOR_MIN} or newer; this is Node ${process.versions.node}.`)
  process.exit(2)
}
await import('../dist/cli/main.js')

// `npm run docs`: writes docs/errors.md, docs/metrics.md and docs/config.md from what the code declares. A test holds them against it.
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { generateDocs, root } from '../test/support/generated-docs.ts'

mkdirSync(join(root, 'docs'), { recursive: true })
for (const { path, text } of await generateDocs()) {
  writeFileSync(join(root, path), text)
  console.log(`wrote ${path}`)
}

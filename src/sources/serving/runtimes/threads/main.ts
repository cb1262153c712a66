import { workerData } from 'node:worker_threads'
import { captureOutput } from './output.ts'
import { pack, unpack } from './pack.ts'
import type { ThreadCopy, ThreadReply, ThreadRequest, ThreadStart, ThreadTask } from './protocol.ts'
import { toWireError } from './wire-error.ts'

/** How a thread loads its copy of a model, by runtime. A thread loads the code of its own runtime alone. */
const loaders: Readonly<Record<ThreadTask['runtime'], (task: ThreadTask) => Promise<ThreadCopy>>> = {
  onnx: async (task) => (await import('../onnx/session.ts')).loadCopy(task),
  typescript: async (task) => (await import('../typescript/copy.ts')).loadCopy(task),
}

// The program of a model's thread: loads one copy of the model, and answers one call after the other until it is told to end.
const { task, port, begun } = workerData as ThreadStart
const reply = (message: ThreadReply, moved: ArrayBuffer[] = []) => port.postMessage(message, moved)

captureOutput((stream, line) => reply({ kind: 'log', stream, line }))

async function serve(copy: ThreadCopy, request: ThreadRequest): Promise<void> {
  if (request.kind === 'end') {
    await copy.unload().catch((error: unknown) => console.error(error)) // The thread ends all the same; the log says what it left behind.
    reply({ kind: 'ended' })
    return
  }
  Atomics.add(begun, 0, 1)
  try {
    const startMs = performance.now()
    const columns = unpack(request.columns)
    const outputs = await copy.predict(columns, request.leftMs === undefined ? undefined : startMs + request.leftMs)
    const packed = pack({ rows: columns.rows, values: outputs })
    reply({ kind: 'answer', columns: packed, computeMs: performance.now() - startMs }, [packed.buffer])
  } catch (error) {
    reply({ kind: 'failed', error: toWireError(error) })
  }
}

// A model that waits for what never comes is told of as one that takes too long; without this, the thread would end for want of anything to do.
const loading = setInterval(() => {}, 60_000)
try {
  const copy = await loaders[task.runtime](task)
  port.on('message', (request: ThreadRequest) => void serve(copy, request))
  reply({ kind: 'ready' })
} catch (error) {
  reply({ kind: 'unready', error: toWireError(error) })
} finally {
  clearInterval(loading)
}

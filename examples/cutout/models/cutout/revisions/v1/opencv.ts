import { createRequire } from 'node:module'

const events = ['uncaughtException', 'unhandledRejection']
const listenersOf = (event: string) => process.listeners(event as NodeJS.Signals)
const before = new Set(events.flatMap(listenersOf))
// The module has a `then` of its own, which never ends: it must neither be awaited nor be what a promise resolves with. So it is required, not imported.
const cv: typeof import('@techstark/opencv-js') = createRequire(import.meta.url)('@techstark/opencv-js')

// It answers an error that nobody caught by throwing it again from its own code, all ten megabytes of which are a single line, and are printed.
for (const event of events) {
  for (const listener of listenersOf(event)) if (!before.has(listener)) process.removeListener(event, listener)
}

if (cv.Mat === undefined) {
  await new Promise<void>((resolve) => {
    cv.onRuntimeInitialized = resolve
  })
}

/** Frees whatever was kept, when all is done or something was thrown: no collector looks after what lies in the memory of WebAssembly. */
export function withMats<T>(run: (keep: Keep) => T): T {
  const kept: { delete(): void }[] = []
  try {
    return run((mat) => {
      kept.push(mat)
      return mat
    })
  } catch (error) {
    // What OpenCV throws is a number: where its exception lies.
    throw typeof error === 'number' ? new Error(`OpenCV: ${cv.exceptionFromPtr(error).msg}`) : error
  } finally {
    for (const mat of kept) mat.delete()
  }
}

export type Keep = <T extends { delete(): void }>(mat: T) => T

/** OpenCV, ready to be used. */
export { cv }

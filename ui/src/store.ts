import { useEffect, useState } from 'preact/hooks'

/** A value that tells its readers when it changes. */
export interface Store<T> {
  get(): T
  set(next: T): void
  /** @returns a function that ends the subscription. */
  subscribe(listener: () => void): () => void
}

export function createStore<T>(initial: T): Store<T> {
  let value = initial
  const listeners = new Set<() => void>()
  return {
    get: () => value,
    set(next) {
      if (Object.is(next, value)) return
      value = next
      for (const listener of [...listeners]) listener()
    },
    subscribe(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
  }
}

/** The store's value, and a new rendering whenever it changes. */
export function useStore<T>(store: Store<T>): T {
  const [value, setValue] = useState({ current: store.get() })
  useEffect(() => {
    const update = () => setValue({ current: store.get() })
    update() // It may have changed between rendering and now.
    return store.subscribe(update)
  }, [store])
  return value.current
}

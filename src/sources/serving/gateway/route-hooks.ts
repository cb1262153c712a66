import type { onRequestHookHandler, onSendHookHandler, RouteOptions } from 'fastify'

interface Hooks {
  readonly onRequest: onRequestHookHandler
  readonly onSend: onSendHookHandler
}

/**
 * Adds a hook to one route, behind those it has: use it in an `onRoute` hook. What concerns some routes then costs the others nothing, and what it knows of its
 * route it knows once; a hook of the whole server asks `request.routeOptions` each time, which makes an object of a dozen fields.
 */
export function addRouteHook<K extends keyof Hooks>(route: RouteOptions, kind: K, hook: Hooks[K]): void {
  const before = (route[kind] ?? []) as Hooks[K] | Hooks[K][]
  Object.assign(route, { [kind]: [...(Array.isArray(before) ? before : [before]), hook] })
}

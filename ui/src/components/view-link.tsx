import type { ComponentChildren } from 'preact'
import { addressOf, navigate } from '../app-state.ts'
import type { View } from '../view.ts'

interface Props {
  readonly to: Partial<View>
  readonly class?: string
  readonly current?: boolean
  /** Id of the element to go to and focus. */
  readonly focus?: string
  readonly title?: string
  readonly children: ComponentChildren
}

/** A link to another view of this page: a plain click changes the view, any other does what it does to links. */
export function ViewLink({ to, current, focus, children, ...rest }: Props) {
  return (
    <a
      {...rest}
      href={addressOf(to)}
      aria-current={current ? 'true' : undefined}
      onClick={(event) => {
        if (event.ctrlKey || event.metaKey || event.shiftKey || event.button !== 0) return
        event.preventDefault()
        navigate(to)
        if (focus !== undefined) document.getElementById(focus)?.focus()
      }}
    >
      {children}
    </a>
  )
}

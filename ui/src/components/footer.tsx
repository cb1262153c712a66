import { formatClock, formatDuration } from '../format.ts'
import { keyHelp } from '../keys.ts'
import type { Page } from '../page-data.ts'

export function Footer({ page }: { readonly page: Page | undefined }) {
  return (
    <footer class="foot">
      <p>
        {page === undefined
          ? 'No picture yet.'
          : `Picture of ${formatClock(page.nowMs, Date.now())}; rates over ${formatDuration(page.windowMs)}.`}{' '}
        The address holds what you see.
      </p>
      <p class="keys">
        {keyHelp.map(({ keys, does }) => (
          <span key={keys}>
            <kbd>{keys}</kbd> {does}
          </span>
        ))}
      </p>
    </footer>
  )
}

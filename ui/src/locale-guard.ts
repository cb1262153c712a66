/**
 * uPlot asks Intl for navigator.language while it loads and dies of a tag that is none ("en-US@posix", seen under a POSIX locale).
 * Import this file before uPlot: the one import that is meant to have a side effect.
 */
try {
  new Intl.NumberFormat(navigator.language)
} catch {
  Object.defineProperty(navigator, 'language', { value: 'en-US', configurable: true })
}

export {}

import { defineConfig } from 'vite'

/** Addresses inside the built page are relative, so that it works under any path a proxy puts in front of the monitor. */
export default defineConfig({
  root: import.meta.dirname,
  base: './',
  oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
  build: {
    outDir: '../dist/ui',
    emptyOutDir: true,
    // Data addresses would need a wider content security policy than 'self'.
    assetsInlineLimit: 0,
    modulePreload: false,
  },
  server: { proxy: { '/api': process.env.MODELWATCH_MONITOR ?? 'http://127.0.0.1:9090' } },
})

import './locale-guard.ts'
import './styles/tokens.css'
import './styles/page.css'
import './styles/parts.css'
import './styles/serving.css'
import './styles/values.css'
import { render } from 'preact'
import { App } from './components/app.tsx'
import { startKeys } from './keys.ts'
import { startTheme } from './theme.ts'

startTheme()
startKeys()
render(<App />, document.getElementById('app')!)

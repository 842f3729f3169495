/** The program of the page at `/`: a section for each tab, shown as the address says, all by one connection to the server. */
import { barTab } from './bar/bar-tab.ts'
import { catalogueTab } from './catalogue/catalogue-tab.ts'
import { showKeys } from './connection/dialogs.ts'
import { problem } from './connection/explained.ts'
import { Session } from './connection/session.ts'
import { byId, element } from './element.ts'
import { liveTab } from './live/live-tab.ts'
import { modelsTab } from './models/models-tab.ts'
import { pushTab } from './push/push-tab.ts'
import type { Tab } from './tab.ts'
import { tryTab } from './try/try-tab.ts'

const main = byId('main')
const sections = byId('sections')
let tabs: readonly Tab[] = []
let shown: Tab | undefined

const session = new Session({
  onStatus: (text, isConnected) => {
    const status = byId('status')
    const model = isConnected ? ` · model ${session.info.generation.slice(0, 8)}` : ''
    status.replaceChildren(text, element('span', { class: 'model-name' }, model))
    status.classList.toggle('connected', isConnected)
  },
  onReady: () => {
    shown?.hide()
    shown = undefined
    // Made anew: what the server can do may be another than before.
    const makers = [tryTab, barTab, liveTab, modelsTab, catalogueTab, pushTab]
    tabs = makers.map(make => make(session)).filter(tab => tab !== undefined)
    main.replaceChildren(...tabs.map(({ section }) => section))
    sections.replaceChildren(...tabs.map(({ name, title }) => element('a', { href: `#/${name}` }, title)))
    route()
  },
})

/** Shows the tab that the address names, the first where it names none. */
function route(): void {
  const [, name = '', rest = ''] = /^#\/([^/]*)\/?(.*)$/.exec(location.hash) ?? []
  const tab = tabs.find(each => each.name === name) ?? tabs[0]
  if (!tab) return
  if (tab !== shown) shown?.hide()
  shown = tab
  for (const { section } of tabs) section.hidden = section !== tab.section
  for (const link of sections.querySelectorAll('a')) {
    if (link.getAttribute('href') === `#/${tab.name}`) link.setAttribute('aria-current', 'page')
    else link.removeAttribute('aria-current')
  }
  document.title = `${tab.title} · Aurochs`
  tab.show(decoded(rest))
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

async function keys(): Promise<void> {
  const choice = await showKeys()
  if (choice === 'enter') await session.enter('key')
  else if (choice === 'enter-admin') await session.enter('admin')
  else if (choice === 'forget') await session.forgetKeys()
}

function fail(error: unknown): void {
  const again = element('button', { type: 'button', onclick: () => begin() }, 'Try again')
  main.replaceChildren(problem(error, again))
}

function begin(): void {
  session.connect().catch(fail)
}

window.addEventListener('hashchange', () => {
  if (location.hash.startsWith('#/')) route()
})
byId('keys').addEventListener('click', () => keys().catch(fail))
begin()

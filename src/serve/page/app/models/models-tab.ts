import type { ListedModel, ListedModels } from '../../../../protocol/methods.ts'
import { confirmed } from '../connection/dialogs.ts'
import { isCode, problem } from '../connection/explained.ts'
import type { Session } from '../connection/session.ts'
import { announce, element } from '../element.ts'
import type { Tab } from '../tab.ts'
import { modelCard } from './model-card.ts'
import { searchCard } from './search-card.ts'

/** What is served, and what lies beside it: swapped and rolled back here. */
export function modelsTab(session: Session): Tab {
  const tab = new ModelsTab(session)
  return { name: 'models', title: 'Models', section: tab.section, show: () => void tab.show(), hide: () => {} }
}

class ModelsTab {
  readonly section: HTMLElement
  readonly #session: Session
  readonly #problem = element('div', {})
  readonly #content = element('div', { class: 'cards' })

  constructor(session: Session) {
    this.#session = session
    const again = element('button', { type: 'button', onclick: () => void this.show() }, 'Look again')
    this.section = element(
      'section',
      { class: 'models', 'aria-label': 'Models' },
      element('div', { class: 'row spread' }, element('h2', {}, 'Models'), again),
      this.#problem,
      this.#content,
    )
  }

  async show(): Promise<void> {
    try {
      const listed = await this.#session.read('models', {})
      this.#problem.replaceChildren()
      this.#show(listed)
    } catch (error) {
      this.#content.replaceChildren()
      const enter = element(
        'button',
        { type: 'button', onclick: () => void this.#session.enter('admin') },
        'Enter an admin key',
      )
      const isForAdmins = isCode(error, 'forbidden', 'unauthorized')
      this.#problem.replaceChildren(problem(error, ...(isForAdmins ? [enter] : [])))
    }
  }

  #show({ models, searches }: ListedModels): void {
    const [served] = models
    const cards = models.map(model => modelCard(model, this.#actions(model, served!)))
    this.#content.replaceChildren(...cards, ...searches.map(searchCard))
  }

  #actions(model: ListedModel, served: ListedModel): HTMLElement[] {
    if (model.role === 'served' || model.generation === served.generation) return []
    const button = (label: string, action: () => Promise<void>) =>
      element('button', { type: 'button', onclick: () => void this.#change(action) }, label)
    const name = `${model.algorithm} ${model.generation.slice(0, 8)}`
    if (model.role === 'previous') return [button('Roll back to it', () => this.#rollBack(served, name))]
    return [button('Serve it', () => this.#swap(model.directory, name))]
  }

  async #swap(directory: string, name: string): Promise<void> {
    const text = `From now on every list comes from the model ${name} at ${directory}. No query is lost, and the model that is served now stays on disk.`
    if (!(await confirmed('Serve another model?', text, 'Serve it'))) return
    const { generation } = await this.#session.change('swap', { model: directory })
    announce(`The model ${generation} is served.`)
  }

  async #rollBack(served: ListedModel, name: string): Promise<void> {
    const text = `The model ${name}, which the one that is served took the place of, is served again. It can be undone the same way.`
    if (!(await confirmed('Roll back?', text, 'Roll back'))) return
    const { generation } = await this.#session.change('rollback', { from: served.generation })
    announce(`The model ${generation} is served.`)
  }

  async #change(action: () => Promise<void>): Promise<void> {
    try {
      await action()
      await this.show()
    } catch (error) {
      this.#problem.replaceChildren(problem(error))
    }
  }
}

/** A listener where the name begins with `on`; true for an attribute without a value; absent where false or undefined. */
type Attribute = string | number | boolean | undefined | ((event: Event) => void)

/**
 * Makes an element. Children that are text stay text: nothing on this page is ever read as markup, whatever ids and titles
 * hold.
 */
export function element<Tag extends keyof HTMLElementTagNameMap>(
  tag: Tag,
  attributes: Readonly<Record<string, Attribute>> = {},
  ...children: readonly (Node | string | undefined)[]
): HTMLElementTagNameMap[Tag] {
  const made = document.createElement(tag)
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === 'function') made.addEventListener(name.replace(/^on/, ''), value)
    else if (value === true) made.setAttribute(name, '')
    else if (value !== false && value !== undefined) made.setAttribute(name, String(value))
  }
  made.append(...children.filter(child => child !== undefined))
  return made
}

const svgNamespace = 'http://www.w3.org/2000/svg'

/** Makes an element of a drawing. */
export function svgElement<Tag extends keyof SVGElementTagNameMap>(
  tag: Tag,
  attributes: Readonly<Record<string, string | number>> = {},
  ...children: readonly (Node | string)[]
): SVGElementTagNameMap[Tag] {
  const made = document.createElementNS(svgNamespace, tag)
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, String(value))
  made.append(...children)
  return made
}

/** The element of the document with this id. @throws Error where there is none. */
export function byId(id: string): HTMLElement {
  const found = document.getElementById(id)
  if (!found) throw new Error(`the document has no #${id}`)
  return found
}

/** Has screen readers say `text`. */
export function announce(text: string): void {
  byId('announcements').textContent = text
}

/** Rows of a name and what it is, for figures and options. */
export function definitions(rows: readonly (readonly [string, string | Node | undefined])[]): HTMLDListElement {
  const shown = rows.filter(([, value]) => value !== undefined)
  return element(
    'dl',
    { class: 'definitions' },
    ...shown.map(([name, value]) => element('div', {}, element('dt', {}, name), element('dd', {}, value))),
  )
}

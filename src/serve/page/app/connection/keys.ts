/** `key` is what the page connects with; `admin` what it shows for what only admins may do. */
export type KeyName = 'key' | 'admin'

const prefix = 'aurochs-'
/** Where the browser keeps nothing for the page. */
const memory = new Map<KeyName, string>()

/** Kept until the browser's tab is closed, and nowhere else. */
export function storedKey(name: KeyName): string | undefined {
  try {
    return sessionStorage.getItem(prefix + name) ?? undefined
  } catch {
    return memory.get(name)
  }
}

export function storeKey(name: KeyName, key: string | undefined): void {
  try {
    if (key === undefined) sessionStorage.removeItem(prefix + name)
    else sessionStorage.setItem(prefix + name, key)
  } catch {
    if (key === undefined) memory.delete(name)
    else memory.set(name, key)
  }
}

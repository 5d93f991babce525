/** Choices kept on this device. */

export type Theme = 'system' | 'light' | 'dark';
export type Density = 'cosy' | 'compact';

interface Stored {
  theme: Theme;
  density: Density;
  membersShown: boolean;
  collapsed: string[];
  /** Folders of the rail that lie open. */
  folders: number[];
  /** Whether the desktop tells of messages; the browser has to allow it too. */
  desktop: boolean;
  sounds: boolean;
}

const KEY = 'consort:prefs';
const DEFAULTS: Stored = {
  theme: 'system',
  density: 'cosy',
  membersShown: true,
  collapsed: [],
  folders: [],
  desktop: true,
  sounds: true,
};

/** Storage may be forbidden or full; the choice then lasts as long as the page. */
export function readStorage<T>(key: string): T | null {
  try {
    return JSON.parse(localStorage.getItem(key) ?? 'null') as T | null;
  } catch {
    return null;
  }
}

export function writeStorage(key: string, value: unknown): void {
  try {
    if (value === null) localStorage.removeItem(key);
    else localStorage.setItem(key, JSON.stringify(value));
  } catch {
    // Nothing to do: see `readStorage`.
  }
}

class Prefs {
  #stored = $state.raw<Stored>({ ...DEFAULTS, ...readStorage<Partial<Stored>>(KEY) });

  get theme() {
    return this.#stored.theme;
  }
  get density() {
    return this.#stored.density;
  }
  get membersShown() {
    return this.#stored.membersShown;
  }

  get desktop() {
    return this.#stored.desktop;
  }
  get sounds() {
    return this.#stored.sounds;
  }

  set(change: Partial<Stored>): void {
    this.#stored = { ...this.#stored, ...change };
    writeStorage(KEY, this.#stored);
    this.apply();
  }

  isCollapsed(categoryId: string): boolean {
    return this.#stored.collapsed.includes(categoryId);
  }

  toggleCollapsed(categoryId: string): void {
    const { collapsed } = this.#stored;
    this.set({
      collapsed: collapsed.includes(categoryId)
        ? collapsed.filter((c) => c !== categoryId)
        : [...collapsed, categoryId],
    });
  }

  isFolderOpen(folderId: number): boolean {
    return this.#stored.folders.includes(folderId);
  }

  toggleFolder(folderId: number): void {
    const { folders } = this.#stored;
    const next = folders.includes(folderId) ? folders.filter((f) => f !== folderId) : [...folders, folderId];
    this.set({ folders: next });
  }

  /** Puts the theme on the page. */
  apply(): void {
    const root = document.documentElement;
    if (this.theme === 'system') delete root.dataset.theme;
    else root.dataset.theme = this.theme;
    root.dataset.density = this.density;
  }
}

export const prefs = new Prefs();

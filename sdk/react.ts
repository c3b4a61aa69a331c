/** Hooks for React 18 and newer. */
import {
  createContext,
  createElement,
  useCallback,
  useContext,
  useEffect,
  useSyncExternalStore,
  type ReactElement,
  type ReactNode,
} from 'react';
import type { PresenceClient } from './client.ts';
import type { Presence } from './presence.ts';
import type { ConnectionStatus } from './store.ts';

const Context = createContext<PresenceClient | undefined>(undefined);

export interface PresenceProviderProps {
  readonly client: PresenceClient;
  readonly children?: ReactNode;
}

/** Gives the client to the hooks below it. It is connected while this is mounted. */
export function PresenceProvider({ client, children }: PresenceProviderProps): ReactElement {
  useEffect(() => {
    client.connect();
    return () => client.close();
  }, [client]);
  return createElement(Context.Provider, { value: client }, children);
}

export function usePresenceClient(): PresenceClient {
  const client = useContext(Context);
  if (client) return client;
  throw new Error('There is no PresenceProvider around this component.');
}

/** How a user is seen; undefined: not at all. A user in pull mode is watched while this is mounted. */
export function usePresence(userId: string): Presence | undefined {
  const client = usePresenceClient();
  useEffect(() => client.watch([userId]), [client, userId]);
  const subscribe = useCallback(
    (onChange: () => void) => client.subscribeUser(userId, onChange),
    [client, userId],
  );
  const read = (): Presence | undefined => client.getPresence(userId);
  return useSyncExternalStore(subscribe, read, read);
}

/** Everyone the user sees, by user id. */
export function usePresences(): ReadonlyMap<string, Presence> {
  const { subscribe, getSnapshot } = usePresenceClient();
  const read = (): ReadonlyMap<string, Presence> => getSnapshot().presences;
  return useSyncExternalStore(subscribe, read, read);
}

/** Whether what is seen is current, and what the user chose. */
export function useConnection(): ConnectionStatus {
  const { subscribe, getConnection } = usePresenceClient();
  return useSyncExternalStore(subscribe, getConnection, getConnection);
}

/** All settings of all parts: the only list of names there is. */
import { fanoutSettings } from '../fanout/config.ts';
import { gatewaySettings } from '../gateway/config.ts';
import { graphSettings } from '../graph/config.ts';
import { presenceSettings } from '../presence/config.ts';

export const allSettings = {
  ...fanoutSettings,
  ...graphSettings,
  ...presenceSettings,
  ...gatewaySettings,
};

export const knownNames: readonly string[] = Object.keys(allSettings);

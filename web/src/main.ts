import { mount } from 'svelte';
import App from './App.svelte';
import { register } from './lib/offline';
import { prefs } from './lib/prefs.svelte';
import { router } from './lib/router.svelte';
import { session } from './lib/session.svelte';
import './styles/tokens.css';
import './styles/base.css';

prefs.apply();
router.start();
session.start();
mount(App, { target: document.getElementById('app')! });
register();

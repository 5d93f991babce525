import { mount } from 'svelte';
import App from './App.svelte';
import { prefs } from './lib/prefs.svelte';
import './styles/tokens.css';
import './styles/base.css';

prefs.apply();
mount(App, { target: document.getElementById('app')! });

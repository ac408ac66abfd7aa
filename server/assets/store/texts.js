// The texts of /store beside those that all screens share.

import { add } from "../screens/texts.js";

add({
  // The frame
  s_tabs: ["Jobs", "Tareas"],
  s_store_is: ["Store: {s}. Choose another", "Tienda: {s}. Elegir otra"],
  s_other_store: ["Another store", "Otra tienda"],
  s_place_waits: ["{n} {n|waits|wait} to be sent. Then choose another store", "Primero hay que enviar {n}. Después puedes elegir otra tienda"],
  s_device: ["This device", "Este dispositivo"],
  s_till: ["Till", "Caja"],
  s_kept_safe: ["The browser keeps what waits here", "El navegador conserva lo que está en espera"],
  s_kept_unsafe: ["The browser may delete what waits here when the disk is full", "El navegador puede borrar lo que está en espera si se llena el disco"],
  s_new_version: ["A new version is here.", "Hay una versión nueva."],
  s_take_over: ["Load it", "Cargarla"],
  s_keys: ["Keys", "Teclas"],
  s_key_primary: ["Pay, or the main button", "Cobrar, o el botón principal"],
  s_key_rows: ["From row to row", "De fila en fila"],
  s_key_times: ["Three of what is scanned next", "Tres de lo que se escanee"],
  s_next: ["Next scan: × {n}", "Siguiente escaneo: × {n}"],
  s_is_meant: ["{n} units?", "¿{n} unidades?"],
  s_yes_n: ["Yes, {n}", "Sí, {n}"],
  s_by_name: ["Find by name", "Buscar por nombre"],
  s_open_today: ["Open today {h}", "Abre hoy {h}"],
  s_needs_line: ["This needs a connection", "Requiere conexión"],
  s_scan_sell: ["Scan: selling", "Escaneo: venta"],
  s_scan_find: ["Scan: looking up", "Escaneo: consulta"],
  s_scan_order: ["Scan: orders", "Escaneo: pedidos"],
  s_scan_pick: ["Scan: picking {o}", "Escaneo: preparar {o}"],
  s_scan_more: ["Scan: anything", "Escaneo: cualquier cosa"],
  s_fewer: ["Fewer: {of}", "Menos: {of}"],
  s_more_of: ["More: {of}", "Más: {of}"],

  // Selling
  s_sell_empty: ["Scan the first item, or type its code", "Escanea el primer artículo o escribe su código"],
  s_total: ["Total", "Total"],
  s_no_price: ["{i} has no price here", "{i} no tiene precio aquí"],
  s_kept_price: ["Price kept on this device", "Precio guardado en este dispositivo"],
  s_case: ["A case of {i}: how many are in it?", "Una caja de {i}: ¿cuántas unidades trae?"],
  s_case_size: ["Units in the case", "Unidades por caja"],
  s_take_case: ["Add the case", "Añadir la caja"],
  s_given: ["Cash given", "Efectivo entregado"],
  s_cash_given: ["Cash", "Efectivo"],
  s_too_little: ["Too little", "Falta dinero"],
  s_nothing_due: ["Nothing to pay: book it", "Nada que cobrar: registrar"],
  s_offline_no: ["This key cannot sell without a connection", "Esta clave no puede vender sin conexión"],
  s_waits_here: ["It waits on this device, and is sent by itself", "Espera en este dispositivo y se envía sola"],
  s_was_refused: ["The server refused it. It is under More, to settle", "El servidor lo ha rechazado. Está en Más, por resolver"],
  s_next_sale: ["The next scan begins the next sale", "El próximo escaneo empieza la siguiente venta"],
  s_cash: ["Cash", "Efectivo"],

  // Picking and handing over
  s_pick_empty: ["Nothing to pick. New orders show here by themselves", "Nada que preparar. Los pedidos nuevos aparecen aquí solos"],
  s_ready_empty: ["Nothing waits to be handed over", "Nada espera a ser entregado"],
  s_pickup: ["Pickup", "Recogida"],
  s_delivery: ["Delivery", "Envío"],
  s_until: ["until {t}", "hasta {t}"],
  s_ago: ["waiting {d}", "desde hace {d}"],
  s_n_units: ["{n} {of|unit|units}", "{n} {of|unidad|unidades}"],
  s_not_wanted: ["{i} is not in this order", "{i} no está en este pedido"],
  s_none_wants: ["No order to pick wants {i}", "Ningún pedido por preparar incluye {i}"],
  s_nowhere: ["No store nearby has it", "Ninguna tienda cercana lo tiene"],
  s_km: ["{n} km", "{n} km"],

  // Finding
  s_find_empty: ["Scan an item, or type a part of its name", "Escanea un artículo o escribe parte de su nombre"],
  s_nothing: ["No item has this name", "Ningún artículo tiene ese nombre"],
  s_aged: ["Kept on this device {d} ago", "Guardado en este dispositivo hace {d}"],
  s_history: ["History", "Historial"],
  s_no_history: ["Nothing happened to it here", "Aquí no ha pasado nada con él"],

  // Returns
  s_return: ["Return", "Devolución"],

  // Counting
  s_count: ["Count", "Recuento"],

  // Receiving and sending
  s_send: ["Send goods", "Enviar mercancía"],

  // Managing
  s_risk: ["Promises at risk", "Promesas en riesgo"],
  s_close_till: ["Close a till", "Cerrar caja"],

  // The queue
  s_settle: ["Waiting and to settle", "En espera y por resolver"],
  s_offline: ["Offline", "Sin conexión"],
  s_waits_for_key: ["{n} {n|waits|wait} for a key of this store", "{n} en espera de una clave de esta tienda"],
  s_waits_for_place: ["{n} {n|waits|wait}: this key is for another store", "{n} en espera: esta clave es de otra tienda"],
  s_too_old: ["Something has waited for 25 days. After 30 the server takes it no more", "Algo lleva 25 días en espera. Tras 30, el servidor ya no lo admite"],
});

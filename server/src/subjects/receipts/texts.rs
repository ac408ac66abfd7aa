//! The words on a printed receipt, by the country of its issuer.

use anaquel_engine::receipts::series::ReceiptKind;

/// Countries whose receipts are printed in Spanish.
const SPANISH: [&str; 21] = [
    "AR", "BO", "CL", "CO", "CR", "CU", "DO", "EC", "ES", "GQ", "GT", "HN", "MX", "NI", "PA", "PE", "PR", "PY", "SV",
    "UY", "VE",
];

/// The words.
pub struct Texts {
    /// The language, for the page.
    pub language: &'static str,
    /// By kind: a simplified receipt, an invoice, a credit note.
    kinds: [&'static str; 3],
    /// A simplified receipt to a tax authority.
    simplified: &'static str,
    /// The mark between whole and fraction.
    pub point: char,
    /// The tax number.
    pub tax_id: &'static str,
    /// The date.
    pub date: &'static str,
    /// The date of the operation.
    pub operation: &'static str,
    /// The order.
    pub order: &'static str,
    /// The till.
    pub till: &'static str,
    /// The recipient.
    pub recipient: &'static str,
    /// Receipts that it replaces.
    pub replaces: &'static str,
    /// Receipts that it corrects.
    pub corrects: &'static str,
    /// Columns of lines: what, units, price, discount, tax rate, amount.
    pub columns: [&'static str; 6],
    /// Columns of taxes: rate, base, tax.
    pub taxes: [&'static str; 3],
    /// The total.
    pub total: &'static str,
    /// How it was paid.
    pub paid: &'static str,
    /// What was handed over.
    pub given: &'static str,
    /// What was handed back.
    pub change: &'static str,
    /// Tenders, in the order of `Tender::ALL`.
    pub tenders: [&'static str; 9],
    /// Charges by their usual names.
    pub charges: &'static [(&'static str, &'static str)],
}

static SPANISH_TEXTS: Texts = Texts {
    language: "es",
    kinds: ["Recibo", "Factura", "Factura rectificativa"],
    simplified: "Factura simplificada",
    point: ',',
    tax_id: "NIF",
    date: "Fecha",
    operation: "Fecha de operación",
    order: "Pedido",
    till: "Caja",
    recipient: "Cliente",
    replaces: "Sustituye a",
    corrects: "Rectifica",
    columns: ["Artículo", "Uds.", "Precio", "Dto.", "IVA", "Importe"],
    taxes: ["Tipo", "Base", "Cuota"],
    total: "Total",
    paid: "Pagado",
    given: "Entregado",
    change: "Cambio",
    tenders: ["Efectivo", "Tarjeta", "Monedero", "Puntos", "Transferencia", "Vale", "A cuenta", "Cambio", "Otro"],
    charges: &[("shipping", "Envío")],
};

static ENGLISH_TEXTS: Texts = Texts {
    language: "en",
    kinds: ["Receipt", "Invoice", "Credit note"],
    simplified: "Receipt",
    point: '.',
    tax_id: "Tax ID",
    date: "Date",
    operation: "Date of supply",
    order: "Order",
    till: "Till",
    recipient: "Customer",
    replaces: "Replaces",
    corrects: "Corrects",
    columns: ["Item", "Qty", "Price", "Discount", "Tax", "Amount"],
    taxes: ["Rate", "Net", "Tax"],
    total: "Total",
    paid: "Paid",
    given: "Given",
    change: "Change",
    tenders: ["Cash", "Card", "Wallet", "Points", "Bank transfer", "Voucher", "On account", "Exchange", "Other"],
    charges: &[("shipping", "Shipping")],
};

impl Texts {
    /// The words for the receipts of an issuer in this country.
    pub fn of(country: &str) -> &'static Self {
        if SPANISH.contains(&country) { &SPANISH_TEXTS } else { &ENGLISH_TEXTS }
    }

    /// What a document is called; `told` says whether an authority is told of it.
    pub fn kind(&self, kind: ReceiptKind, told: bool) -> &'static str {
        let [receipt, invoice, credit] = self.kinds;
        match kind {
            ReceiptKind::Receipt if told => self.simplified,
            ReceiptKind::Receipt => receipt,
            ReceiptKind::Invoice => invoice,
            ReceiptKind::CreditNote => credit,
        }
    }
}

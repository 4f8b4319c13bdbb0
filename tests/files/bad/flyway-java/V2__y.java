class V2__y {}
